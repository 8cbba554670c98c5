"""Cursors of listings, sealed: a page token of Microsoft may hold the name of the last object.

Owns the form in which a cursor is stored. One that does not open is no cursor of this tenant, and
the reader begins that listing again.
"""

import base64
import binascii
from contextlib import suppress

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contents.tenant_keys import SealedDataError, TenantCipher, TenantKeys
from storage.statements import Row

UNREADABLE = ""


def seal_cursor(cipher: TenantCipher, result: Row, cursor: str | None) -> str | None:
    """Return the stored form of the next cursor of a result; the end of a listing stays None."""
    if cursor is None:
        return None
    return base64.b64encode(cipher.seal(cursor.encode(), cursor_context(result))).decode()


async def open_cursors(
    connection: AsyncConnection, keys: TenantKeys, results: list[Row]
) -> list[Row]:
    """Return the results of one run with their cursors as the reader gave them."""
    if all(result["cursor"] is None for result in results):
        return results
    owner = (results[0]["workspace_id"], results[0]["tenant_id"])
    cipher = await keys.cipher_within(connection, *owner)
    return [{**result, "cursor": open_cursor(cipher, result)} for result in results]


def open_cursor(cipher: TenantCipher, result: Row) -> str | None:
    """Return the cursor of a result as the reader gave it; empty when it does not open."""
    stored = result["cursor"]
    if stored is None:
        return None
    try:
        sealed = base64.b64decode(stored, validate=True)
    except binascii.Error:
        return UNREADABLE
    # The row does not name its key; while one is rotated there are two.
    for key_id in cipher.key_ids:
        with suppress(SealedDataError):
            return cipher.open(sealed, cursor_context(result), key_id).decode()
    return UNREADABLE


def cursor_context(result: Row) -> bytes:
    """Return what binds a cursor to its listing."""
    place = f"{result['operation_run_id']}\0{result['resource_type']}"
    return b"cursor" + place.encode()
