"""Temporal workflows: orchestration only, one family per file."""
