"""The one way to start work: authority, prerequisites, decision, start."""
