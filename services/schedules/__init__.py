"""Backup schedules and the Temporal Schedules that follow them."""
