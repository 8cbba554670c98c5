"""The database: schema, guards and the way statements reach it."""
