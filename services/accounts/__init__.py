"""Workspaces, tenants, principals, and the audit of changes."""
