"""Use cases on real PostgreSQL and a real Temporal server."""
