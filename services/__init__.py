"""Use cases: one transaction per method."""
