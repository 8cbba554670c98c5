"""Pure rules, tested without any server."""
