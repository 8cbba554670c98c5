"""Bring a database to a revision of the schema, from any working directory and from any process.

Several processes may migrate at once: an advisory lock lets them go one after the other, and all
steps of one call are one transaction.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.engine import create_engine

_SCRIPTS: Final = Path(__file__).parent / "migrations"
# Any fixed number; it means "TenantOps migrates" to PostgreSQL.
_LOCK_NUMBER: Final = 7_305_842_914


async def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrate up to `revision`; nothing happens when the database is already there."""
    await _run(database_url, lambda config: command.upgrade(config, revision))


async def downgrade(database_url: str, revision: str = "base") -> None:
    """Migrate down to `revision`; `base` removes every table with its data."""
    await _run(database_url, lambda config: command.downgrade(config, revision))


async def current(database_url: str) -> str | None:
    """Return the revision of the database; None for an empty one."""
    engine = _engine(database_url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(
                lambda sync: MigrationContext.configure(sync).get_current_revision()
            )
    finally:
        await engine.dispose()


def head() -> str:
    """Return the newest revision that this version of the product knows."""
    revision = ScriptDirectory.from_config(_configuration()).get_current_head()
    if revision is None:
        raise LookupError("the product has no migrations")
    return revision


def _configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def _engine(database_url: str) -> AsyncEngine:
    return create_engine(
        database_url, pool_size=1, statement_timeout=None, application_name="tenantops-migrate"
    )


async def _run(database_url: str, step: Callable[[Config], None]) -> None:
    engine = _engine(database_url)
    try:
        async with engine.begin() as connection:
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER}
            )
            await connection.run_sync(_with_connection(step))
    finally:
        await engine.dispose()


def _with_connection(step: Callable[[Config], None]) -> Callable[[Connection], None]:
    def run(connection: Connection) -> None:
        config = _configuration()
        config.attributes["connection"] = connection
        step(config)

    return run
