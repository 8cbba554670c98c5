"""Who changed what, and the history of single objects."""
