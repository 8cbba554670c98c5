"""Entry of Alembic; given a connection by `storage.migrate`, or run by its command line.

On the command line the address comes from DATABASE_URL, as everywhere.
"""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection

from storage.engine import create_engine
from storage.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


async def run_with_own_engine() -> None:
    engine = create_engine(os.environ["DATABASE_URL"], pool_size=1, statement_timeout=None)
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


given = context.config.attributes.get("connection")
if given is None:
    asyncio.run(run_with_own_engine())
else:
    run(given)
