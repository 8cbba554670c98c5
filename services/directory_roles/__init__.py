"""The sync of directory role definitions and its cache."""
