"""Adapters: what crosses to Temporal, and how."""
