"""A backup at work: lanes, types, steps, endings, and the set it writes."""
