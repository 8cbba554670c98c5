"""Temporal activities: parse, one service call, map errors."""
