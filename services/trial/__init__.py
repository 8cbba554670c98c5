"""`tenantops try`: a person's own tenant read into a folder, without database or registration."""
