"""What people see: tables, details, values, progress."""
