"""What the suites of the content store share: an engine, a tenant with a key, predictable time."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from services.contents.root_keys import LocalRootKey, RootKey, RootKeys
from services.contents.tenant_keys import TenantKeys
from services.proofs.certificates import SetCertificates
from services.proofs.signing_keys import SigningKeys

ROOT_KEY = LocalRootKey(b"r" * 32)
START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


def ticking_clock() -> Callable[[], datetime]:
    """Return a clock that moves on by a second with every look."""
    seconds = itertools.count()
    return lambda: START + timedelta(seconds=next(seconds))


def new_id() -> UUID:
    return uuid7()


def tenant_keys(engine: AsyncEngine, root_key: RootKey = ROOT_KEY) -> TenantKeys:
    return TenantKeys(engine=engine, root_key=root_key, clock=ticking_clock(), new_id=new_id)


def signing_keys(root_key: LocalRootKey = ROOT_KEY) -> SigningKeys:
    return SigningKeys(root_keys=RootKeys(root_key), clock=ticking_clock(), new_id=new_id)


def set_certificates(root_key: LocalRootKey = ROOT_KEY) -> SetCertificates:
    return SetCertificates(signing_keys=signing_keys(root_key))


async def count_rows(engine: AsyncEngine, table: str) -> int:
    async with engine.connect() as connection:
        return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)
