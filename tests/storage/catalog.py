"""What PostgreSQL says of a schema, as comparable lines."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

COLUMNS = """
SELECT format('%s.%s %s %s default %s identity %s', c.relname, a.attname,
    format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
    pg_get_expr(d.adbin, d.adrelid), a.attidentity)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relname <> 'alembic_version'
"""
CONSTRAINTS = """
SELECT format('%s %s: %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
"""
INDEXES = """
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""
OPTIONS = """
SELECT format('%s %s', relname, reloptions) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL
"""
TRIGGERS = """
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
"""
FUNCTIONS = """
SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


async def lines(connection: AsyncConnection, *queries: str) -> list[str]:
    """Return the answers of the queries, sorted."""
    found: list[str] = []
    for query in queries:
        found += (await connection.scalars(text(query))).all()
    return sorted(found)


async def schema(connection: AsyncConnection) -> list[str]:
    """Return everything that models declare."""
    return await lines(connection, COLUMNS, CONSTRAINTS, INDEXES, OPTIONS)
