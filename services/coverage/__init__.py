"""What backups cover of Graph: the watch for configuration that no type reads."""
