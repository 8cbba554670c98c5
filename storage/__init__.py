"""PostgreSQL: engine, tables, repositories and migrations."""
