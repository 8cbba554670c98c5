"""Sync of directory role definitions: list everything, compare by content, record what changed.

There is no delta for role definitions, and Microsoft changes the actions of built-in roles under
the same id and version, so each is compared by the hash of its canonical form (api.md b.1). One
transaction stores the whole sync; a second one finds its result row and changes nothing (D4).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.runs import StepCall
from domain.canonical_rules import CANONICAL_RULES_VERSION, rules_of
from domain.capture_results import is_suspicious_loss
from domain.manifests import Manifest, build_manifest
from domain.outcome import PermissionState, TypeResult
from domain.provider_error_facts import safe_guid
from domain.provider_errors import Disposition
from domain.resource_types.directory import ENTRA_ROLE
from graph.client import GraphClient
from graph.errors import (
    GraphError,
    GraphPageTokenExpiredError,
    GraphPermissionDeniedError,
)
from graph.reading import Presence, ReadObject, ResourceReader
from services.backups.held_losses import HELD, was_held_before
from services.connections.graph_access import GraphAccess
from services.contents.contents import hash_documents, seal_documents
from services.contents.tenant_keys import TenantCipher, TenantKeys
from services.runs.run_errors import UnknownRunError
from services.runs.run_fence import hold_owned_run
from storage.contents import insert_contents
from storage.directory_roles import (
    KnownRole,
    RoleRow,
    lock_known_roles,
    remove_roles,
    store_result,
    store_roles,
)
from storage.manifests import insert_manifest
from storage.run_lookup import find_run
from storage.runs import Owner, RunRecord
from storage.statements import as_json
from storage.tenant_keys import hold_key

MOST_RESTARTS = 5
# Before a sync that met an outage is tried again.
OUTAGE_PAUSE_SECONDS = 5.0


class SyncPostponedError(Exception):
    """Graph asks for patience: come back after `retry_after` seconds."""

    def __init__(self, reason_code: str, retry_after: float) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class _Listing:
    """A complete listing, hashed."""

    documents: dict[str, dict[str, Any]]
    hashes: dict[str, str]
    failed: dict[str, str]
    cipher: TenantCipher


@dataclass(frozen=True, slots=True)
class _Absence:
    """What it means that the listing lacks known roles (D5)."""

    gone: tuple[str, ...] = ()
    # Roles that are missing for `reason_code`, which proves nothing of them.
    unproven: int = 0
    reason_code: str | None = None


@dataclass(frozen=True, slots=True)
class RoleSyncGround:
    """What the service stands on."""

    engine: AsyncEngine
    access: GraphAccess
    keys: TenantKeys
    clock: Callable[[], datetime]
    new_id: Callable[[], UUID]


class DirectoryRoleDefinitionsService:
    """Fills the cache that selectors read; nothing else writes it."""

    def __init__(self, ground: RoleSyncGround) -> None:
        self._ground = ground

    async def sync(self, call: StepCall, workflow_id: str) -> None:
        """Sync once. What Graph refuses for good is recorded as the result and not raised.

        Raises SyncPostponedError while waiting helps and the deadline is far enough.
        """
        owner = Owner(workflow_id, call.run.first_execution_run_id)
        run = await find_run(self._ground.engine, call.run.operation_run_id)
        if run is None:
            raise UnknownRunError(call.run.operation_run_id)
        try:
            async with self._ground.access.client(_connection_of(run)) as client:
                listing = await self._list(client, run)
                await self._store(client, run, owner, listing)
        except GraphError as error:
            self._postpone(error, call.deadline_at)
            await self._store_refusal(run, owner, error)

    def _postpone(self, error: GraphError, deadline_at: datetime) -> None:
        if error.disposition is not Disposition.RETRYABLE:
            return
        pause = error.retry_after or OUTAGE_PAUSE_SECONDS
        if (deadline_at - self._ground.clock()).total_seconds() > pause:
            raise SyncPostponedError(error.reason_code.value, pause)

    async def _list(self, client: GraphClient, run: RunRecord) -> _Listing:
        assert run.tenant_id is not None  # noqa: S101 - the type is tenant-scoped
        objects = await self._read_all(ResourceReader(client, ENTRA_ROLE), run)
        cipher = await self._ground.keys.cipher(run.workspace_id, run.tenant_id)
        documents = {read.object_id: read.document for read in objects if read.document is not None}
        failed = {
            read.object_id: read.failure.reason_code.value
            for read in objects
            if read.failure is not None
        }
        hashes = await hash_documents(
            list(documents.values()), rules_of(ENTRA_ROLE), cipher, list(documents)
        )
        hashed = {key: value for key, value in zip(documents, hashes, strict=True) if value}
        failed |= {key: "provider_response_invalid" for key in documents if key not in hashed}
        return _Listing(documents, hashed, failed, cipher)

    async def _store(
        self, client: GraphClient, run: RunRecord, owner: Owner, listing: _Listing
    ) -> None:
        absence = await self._judge_absence(client, run, listing)
        async with self._ground.engine.begin() as connection:
            await hold_owned_run(connection, run.id, owner)
            assert run.tenant_id is not None  # noqa: S101 - the type is tenant-scoped
            known = await lock_known_roles(connection, run.tenant_id)
            rows = [row for row in self._rows(listing, known) if row is not None]
            present = {key: role.id for key, role in known.items() if not role.is_removed}
            removed = [present[key] for key in absence.gone if key in present]
            result = _result(listing, rows, len(removed), absence)
            listed = _listed_roles(listing) if absence.reason_code == HELD else None
            values = _result_values(run, result, self._now(), listed=listed)
            if not await store_result(connection, *values):
                return
            owned_by = (run.workspace_id, run.tenant_id)
            # Asked for again: the key may have been rotated while the listing was read.
            cipher = await self._ground.keys.cipher_within(connection, *owned_by)
            sealed = await seal_documents(
                {row.version_hash: listing.documents[row.role_definition_id] for row in rows},
                run.tenant_id,
                cipher,
            )
            if listed is not None:
                await insert_manifest(connection, owned_by, listed)
            stamp = (CANONICAL_RULES_VERSION, self._now())
            await hold_key(connection, cipher.key_id)
            await insert_contents(connection, owned_by, cipher.key_id, sealed, stamp)
            await store_roles(connection, owned_by, run.id, rows, self._now())
            await remove_roles(connection, owned_by, run.id, removed, self._now())

    async def _judge_absence(
        self, client: GraphClient, run: RunRecord, listing: _Listing
    ) -> _Absence:
        """Ask the known roles that the listing lacks for themselves: only a 404 removes one.

        A large loss is held until the next sync lacks the same roles (decision 0003).
        """
        assert run.tenant_id is not None  # noqa: S101 - the type is tenant-scoped
        async with self._ground.engine.begin() as connection:
            known = await lock_known_roles(connection, run.tenant_id)
        listed = listing.documents.keys() | listing.failed.keys()
        missing = [key for key, role in known.items() if key not in listed and not role.is_removed]
        if not missing:
            return _Absence()
        found = await ResourceReader(client, ENTRA_ROLE).probe(missing)
        gone = tuple(key for key in missing if found[key] is Presence.GONE)
        unproven = len(missing) - len(gone)
        if Presence.EXISTS in found.values():
            return _Absence((), unproven, "listing_inconsistent")
        existing = sum(not role.is_removed for role in known.values())
        if is_suspicious_loss(len(gone), len(listed), existing):
            async with self._ground.engine.begin() as connection:
                place = (run.tenant_id, run.id, ENTRA_ROLE.key)
                if not await was_held_before(connection, place, gone):
                    return _Absence((), len(missing), HELD)
        return _Absence(gone, unproven, "listing_incomplete" if unproven else None)

    async def _read_all(self, reader: ResourceReader, run: RunRecord) -> list[ReadObject]:
        """Read the whole listing, some hundred small objects; the last of equal ids wins."""
        for restart in range(MOST_RESTARTS + 1):
            objects: dict[str, ReadObject] = {}
            try:
                async for page in reader.pages():
                    objects.update({read.object_id: read for read in page.documents})
                    await self._ground.access.check(_connection_of(run))
                return list(objects.values())
            except GraphPageTokenExpiredError:
                if restart == MOST_RESTARTS:
                    raise
        raise AssertionError("the loop returns or raises")

    def _rows(self, listing: _Listing, known: dict[str, KnownRole]) -> list[RoleRow | None]:
        return [
            self._row(key, listing.documents[key], version_hash, known.get(key))
            for key, version_hash in listing.hashes.items()
        ]

    def _row(
        self, key: str, document: dict[str, Any], version_hash: str, role: KnownRole | None
    ) -> RoleRow | None:
        is_known = role is not None and not role.is_removed
        if role is not None and is_known and role.current_version_hash == version_hash:
            return None
        return RoleRow(
            id=self._ground.new_id(),
            role_definition_id=key,
            template_id=safe_guid(document.get("templateId")),
            is_built_in=document.get("isBuiltIn") is True,
            is_enabled=document.get("isEnabled") is not False,
            version_hash=version_hash,
            change="updated" if is_known else "created",
        )

    async def _store_refusal(self, run: RunRecord, owner: Owner, error: GraphError) -> None:
        is_denied = isinstance(error, GraphPermissionDeniedError)
        result = TypeResult(
            resource_type=ENTRA_ROLE.key,
            reason_code=error.reason_code.value,
            permission_state=PermissionState.DENIED if is_denied else PermissionState.UNKNOWN,
            request_id=error.request_id,
        )
        values = _result_values(run, result, self._now(), error.http_status, error.missing_scopes)
        async with self._ground.engine.begin() as connection:
            await hold_owned_run(connection, run.id, owner)
            await store_result(connection, *values)

    def _now(self) -> datetime:
        return self._ground.clock()


def _connection_of(run: RunRecord) -> UUID:
    return UUID(str(run.context["provider_connection_id"]))


def _result(listing: _Listing, rows: list[RoleRow], removed: int, absence: _Absence) -> TypeResult:
    changed = len(rows)
    reasons = Counter(listing.failed.values())
    if absence.reason_code is not None:
        reasons[absence.reason_code] += absence.unproven
    return TypeResult(
        resource_type=ENTRA_ROLE.key,
        expected=len(listing.hashes) + reasons.total(),
        captured=changed,
        unchanged=len(listing.hashes) - changed,
        failed=reasons.total(),
        created=sum(row.change == "created" for row in rows),
        updated=sum(row.change == "updated" for row in rows),
        deleted=removed,
        reason_code=absence.reason_code,
        listing_complete=absence.reason_code is None,
        permission_state=PermissionState.GRANTED,
        reason_counts=dict(reasons),
    )


def _listed_roles(listing: _Listing) -> Manifest:
    """Return what the next sync is compared with to confirm a loss."""
    return build_manifest(ENTRA_ROLE.key, list(listing.hashes.items()))


def _result_values(
    run: RunRecord,
    result: TypeResult,
    now: datetime,
    http_status: int | None = None,
    missing_scopes: tuple[str, ...] = (),
    *,
    listed: Manifest | None = None,
) -> tuple[object, ...]:
    return (
        run.id,
        result.resource_type,
        run.workspace_id,
        run.tenant_id,
        result.expected,
        result.captured,
        result.unchanged,
        result.failed,
        result.created,
        result.updated,
        result.deleted,
        result.reason_code,
        http_status,
        result.request_id,
        list(missing_scopes),
        result.permission_state.value,
        result.listing_complete,
        now,
        as_json(dict(result.reason_counts)),
        listed.hash if listed else None,
    )
