"""What stored objects refer to, by name: of the time of their set."""
