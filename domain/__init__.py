"""Pure rules of TenantOps: no I/O, no clock, no randomness."""
