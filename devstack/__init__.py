"""The outside world on one machine: PostgreSQL, Temporal and a faithful local Microsoft Graph."""
