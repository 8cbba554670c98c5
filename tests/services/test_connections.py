import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from contracts.admission import AdmissionCall
from domain.connections import ConsentStatus, Purpose, VerificationStatus
from graph.clouds import Cloud
from graph.credentials import (
    ClientCertificate,
    ClientSecret,
    ManagedIdentity,
    WorkloadIdentity,
)
from services.accounts.account_errors import AccountNotFoundError, InvalidFieldError, NameTakenError
from services.connections.connection_use import ConnectionUse, CredentialMissingError, Unresolved
from services.connections.connections import ConnectionService, NewConnection
from services.contents.tenant_keys import TenantKeys
from storage.connections import StoredConnection
from storage.tables import audit_log, provider_connections
from tests.services.admitting import Desk, add_ground
from tests.services.content_rows import tenant_keys
from tests.services.tenancy import EDITOR, Tenancy, add_tenancy, audited, now

SECRET = "Qx~8Q~planted-secret-value-0123456789abcd"


@pytest.fixture
def keys(engine: AsyncEngine) -> TenantKeys:
    return tenant_keys(engine)


@pytest.fixture
def connections(engine: AsyncEngine, keys: TenantKeys) -> ConnectionService:
    return ConnectionService(engine=engine, keys=keys, clock=now, new_id=uuid7)


@pytest.fixture
def use(engine: AsyncEngine, keys: TenantKeys) -> ConnectionUse:
    return ConnectionUse(engine=engine, keys=keys, clock=now)


@pytest.fixture
async def tenancy(engine: AsyncEngine) -> Tenancy:
    return await add_tenancy(engine)


def new(**changes: Any) -> NewConnection:
    made = {"name": "Reader", "app_id": str(uuid4()), "credential": ClientSecret(SECRET)}
    return NewConnection(**{**made, **changes})


async def add(connections: ConnectionService, tenancy: Tenancy, **changes: Any) -> StoredConnection:
    return await connections.add(EDITOR, tenancy.workspace_id, tenancy.tenant_id, new(**changes))


def certificate_pem(days: int = 30, *, with_key: bool = True) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = make_certificate(key, days)
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem + private if with_key else pem


def make_certificate(key: ec.EllipticCurvePrivateKey, days: int) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tenantops")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(now() + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )


async def test_add_first_connection_is_the_default_of_the_tenants_entra_tenant(
    connections: ConnectionService, tenancy: Tenancy
) -> None:
    added = await add(connections, tenancy, cloud=Cloud.CHINA)
    assert added.is_default
    assert added.entra_tenant_id == tenancy.entra_tenant_id
    assert (added.cloud, added.purpose, added.credential_kind) == (
        "china",
        "read",
        "client_secret",
    )


async def test_add_second_connection_leaves_the_default_where_it_is(
    connections: ConnectionService, tenancy: Tenancy
) -> None:
    first = await add(connections, tenancy)
    second = await add(connections, tenancy)
    shown = await connections.list_connections(tenancy.workspace_id, tenancy.tenant_id)
    assert [(row.id, row.is_default) for row in shown] == [(first.id, True), (second.id, False)]


async def test_add_write_connection_has_its_own_default(
    connections: ConnectionService, tenancy: Tenancy
) -> None:
    app_id = str(uuid4())
    reader = await add(connections, tenancy, app_id=app_id)
    writer = await add(connections, tenancy, app_id=app_id, purpose=Purpose.WRITE)
    assert reader.is_default
    assert writer.is_default


async def test_add_same_app_and_purpose_twice_is_refused(
    connections: ConnectionService, tenancy: Tenancy
) -> None:
    app_id = str(uuid4())
    await add(connections, tenancy, app_id=app_id)
    with pytest.raises(NameTakenError):
        await add(connections, tenancy, app_id=app_id.upper(), name="Again")


async def test_add_at_the_same_time_leaves_one_default(
    connections: ConnectionService, tenancy: Tenancy
) -> None:
    added = await asyncio.gather(*(add(connections, tenancy) for _ in range(6)))
    assert sum(row.is_default for row in added) == 1


async def test_add_tenant_of_another_workspace_answers_as_missing(
    engine: AsyncEngine, connections: ConnectionService, tenancy: Tenancy
) -> None:
    other = await add_tenancy(engine)
    with pytest.raises(AccountNotFoundError):
        await connections.add(EDITOR, other.workspace_id, tenancy.tenant_id, new())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"name": ""}, "name", id="no name"),
        pytest.param({"app_id": "my-app"}, "app_id", id="app id that is no GUID"),
        pytest.param({"credential": ClientSecret(" ")}, "credential", id="empty secret"),
        pytest.param(
            {"credential": ClientSecret(str(uuid4()))}, "credential", id="the secret's id"
        ),
        pytest.param({"credential": ClientCertificate(b"MIIC")}, "credential", id="no certificate"),
        pytest.param(
            {"credential": ClientCertificate(certificate_pem(with_key=False))},
            "credential",
            id="certificate without key",
        ),
        pytest.param(
            {"credential": ClientCertificate(certificate_pem(days=-1))},
            "credential",
            id="expired certificate",
        ),
    ],
)
async def test_add_wrong_field_is_named_and_never_shown(
    connections: ConnectionService, tenancy: Tenancy, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        await add(connections, tenancy, **changes)
    assert caught.value.field == field
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(ClientSecret(SECRET), id="secret"),
        pytest.param(ClientCertificate(certificate_pem()), id="certificate"),
        pytest.param(WorkloadIdentity(Path("/var/run/token")), id="workload identity"),
        pytest.param(ManagedIdentity("a-client"), id="managed identity"),
        pytest.param(ManagedIdentity(), id="the only managed identity"),
    ],
)
async def test_open_credential_returns_what_was_added(
    connections: ConnectionService, use: ConnectionUse, tenancy: Tenancy, credential: Any
) -> None:
    added = await add(connections, tenancy, credential=credential)
    assert await use.open_credential(added) == credential


async def test_add_pkcs12_with_password_knows_when_it_ends(
    connections: ConnectionService, use: ConnectionUse, tenancy: Tenancy
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = make_certificate(key, 30)
    encryption = serialization.BestAvailableEncryption(b"open")
    data = pkcs12.serialize_key_and_certificates(b"n", key, certificate, None, encryption)
    added = await add(connections, tenancy, credential=ClientCertificate(data, "open"))
    assert added.credential_expires_at == certificate.not_valid_after_utc
    assert await use.open_credential(added) == ClientCertificate(data, "open")


async def test_add_secret_is_nowhere_in_clear(
    engine: AsyncEngine, connections: ConnectionService, tenancy: Tenancy
) -> None:
    added = await add(connections, tenancy)
    shown = await connections.list_connections(tenancy.workspace_id, tenancy.tenant_id)
    assert SECRET not in f"{added!r}{added}{shown}{new()!r}"
    async with engine.connect() as connection:
        kept = (await connection.execute(select(provider_connections))).one()
        trail = (await connection.execute(select(audit_log))).all()
    assert kept.credential
    assert SECRET.encode() not in kept.credential
    assert SECRET not in f"{kept}{trail}"


async def test_open_credential_moved_to_another_connection_does_not_open(
    engine: AsyncEngine, connections: ConnectionService, use: ConnectionUse, tenancy: Tenancy
) -> None:
    first, second = [await add(connections, tenancy) for _ in range(2)]
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE provider_connections SET credential ="
                " (SELECT credential FROM provider_connections WHERE id = :first)"
                " WHERE id = :second"
            ),
            {"first": first.id, "second": second.id},
        )
    with pytest.raises(Exception, match="does not open"):
        await use.open_credential(second)


async def test_open_credential_of_an_erased_tenant_is_missing(
    connections: ConnectionService, use: ConnectionUse, keys: TenantKeys, tenancy: Tenancy
) -> None:
    added = await add(connections, tenancy)
    await keys.destroy(tenancy.workspace_id, tenancy.tenant_id)
    with pytest.raises(CredentialMissingError):
        await use.open_credential(added)


async def test_replace_credential_closes_the_circuit(
    engine: AsyncEngine, connections: ConnectionService, use: ConnectionUse, tenancy: Tenancy
) -> None:
    added = await add(connections, tenancy)
    until = now() + timedelta(hours=1)
    await use.open_circuit(added.id, "provider_credential_expired", until)
    changed = await connections.replace_credential(
        EDITOR, tenancy.workspace_id, added.id, ClientSecret("another")
    )
    assert (changed.circuit_open_until, changed.last_reason_code) == (None, None)
    assert await use.open_credential(changed) == ClientSecret("another")
    assert (await audited(engine))[-1] == "provider_connection.replace_credential"


async def test_connections_added_and_renewed_while_work_starts_never_deadlock(
    engine: AsyncEngine, connections: ConnectionService
) -> None:
    desk, ground = Desk(engine), await add_ground(engine)
    ids = (ground.tenancy.workspace_id, ground.tenancy.tenant_id)
    calls = [ground.request("backup_schedule.run_now") for _ in range(40)]
    starts = [
        desk.admission.admit_call(AdmissionCall(request=call, default_key=str(uuid4())))
        for call in calls
    ]
    adds = [connections.add(EDITOR, *ids, new(app_id=str(uuid4()))) for _ in range(40)]
    renewals = [
        connections.replace_credential(EDITOR, ids[0], ground.connection_id, ClientSecret(SECRET))
        for _ in range(40)
    ]

    await asyncio.gather(
        *(call for group in zip(starts, adds, renewals, strict=True) for call in group)
    )

    async with engine.connect() as connection:
        deadlocks = await connection.scalar(
            text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        )
    assert deadlocks == 0
    assert await desk.run_count() == len(calls)


async def test_set_default_moves_it(connections: ConnectionService, tenancy: Tenancy) -> None:
    first, second = [await add(connections, tenancy) for _ in range(2)]
    await connections.set_default(EDITOR, tenancy.workspace_id, second.id)
    assert not (await connections.show(tenancy.workspace_id, first.id)).is_default
    assert (await connections.show(tenancy.workspace_id, second.id)).is_default


async def test_set_default_of_both_at_the_same_time_leaves_one(
    connections: ConnectionService, tenancy: Tenancy
) -> None:
    added = [await add(connections, tenancy) for _ in range(2)]
    await asyncio.gather(
        *(connections.set_default(EDITOR, tenancy.workspace_id, row.id) for row in added * 4)
    )
    shown = await connections.list_connections(tenancy.workspace_id, tenancy.tenant_id)
    assert sum(row.is_default for row in shown) == 1


async def test_two_defaults_are_impossible_in_the_database(
    engine: AsyncEngine, connections: ConnectionService, tenancy: Tenancy
) -> None:
    await add(connections, tenancy)
    row = {
        "id": uuid4(),
        "workspace_id": tenancy.workspace_id,
        "tenant_id": tenancy.tenant_id,
        "name": "Second",
        "entra_tenant_id": tenancy.entra_tenant_id,
        "app_id": str(uuid4()),
        "credential_kind": "client_secret",
        "is_default": True,
    }
    with pytest.raises(IntegrityError, match="uq_provider_connections_default"):
        async with engine.begin() as connection:
            await connection.execute(insert(provider_connections).values(row))


async def test_change_connection_of_another_workspace_answers_as_missing(
    engine: AsyncEngine, connections: ConnectionService, tenancy: Tenancy
) -> None:
    added = await add(connections, tenancy)
    other = await add_tenancy(engine)
    for change in (connections.set_default, connections.disable, connections.enable):
        with pytest.raises(AccountNotFoundError):
            await change(EDITOR, other.workspace_id, added.id)
    with pytest.raises(AccountNotFoundError):
        await connections.show(other.workspace_id, added.id)


async def test_resolve_read_connection_takes_the_default(
    connections: ConnectionService, use: ConnectionUse, tenancy: Tenancy
) -> None:
    first = await add(connections, tenancy)
    await add(connections, tenancy)
    assert await use.resolve_read_connection(tenancy.tenant_id) == first


async def test_resolve_read_connection_pinned_one_wins_over_the_default(
    connections: ConnectionService, use: ConnectionUse, tenancy: Tenancy
) -> None:
    await add(connections, tenancy)
    second = await add(connections, tenancy)
    assert await use.resolve_read_connection(tenancy.tenant_id, second.id) == second


async def test_resolve_read_connection_several_without_default_choose_none(
    connections: ConnectionService, use: ConnectionUse, tenancy: Tenancy
) -> None:
    first = await add(connections, tenancy)
    for _ in range(2):
        await add(connections, tenancy)
    await connections.disable(EDITOR, tenancy.workspace_id, first.id)
    found = await use.resolve_read_connection(tenancy.tenant_id)
    assert found == Unresolved("provider_connection_missing")


async def test_resolve_read_connection_write_connection_is_never_taken(
    connections: ConnectionService, use: ConnectionUse, tenancy: Tenancy
) -> None:
    writer = await add(connections, tenancy, purpose=Purpose.WRITE)
    missing = await use.resolve_read_connection(tenancy.tenant_id)
    pinned = await use.resolve_read_connection(tenancy.tenant_id, writer.id)
    assert missing == Unresolved("provider_connection_missing")
    assert pinned == Unresolved("provider_connection_invalid")


async def test_resolve_read_connection_of_another_tenant_is_invalid(
    engine: AsyncEngine, connections: ConnectionService, use: ConnectionUse, tenancy: Tenancy
) -> None:
    foreign = await add(connections, await add_tenancy(engine))
    found = await use.resolve_read_connection(tenancy.tenant_id, foreign.id)
    assert found == Unresolved("provider_connection_invalid")


async def test_resolve_read_connection_open_circuit_gives_its_reason_until_it_closes(
    connections: ConnectionService, use: ConnectionUse, tenancy: Tenancy
) -> None:
    added = await add(connections, tenancy)
    until = now() + timedelta(minutes=5)
    await use.open_circuit(added.id, "provider_credential_invalid", until)
    found = await use.resolve_read_connection(tenancy.tenant_id)
    assert found == Unresolved("provider_credential_invalid")
    await use.close_circuit(added.id)
    found = await use.resolve_read_connection(tenancy.tenant_id)
    assert isinstance(found, StoredConnection)
    assert found.verification_status == "unknown"


@pytest.mark.parametrize(
    ("columns", "reason_code"),
    [
        pytest.param("credential = NULL", "provider_credential_missing", id="no credential"),
        pytest.param(
            "credential_expires_at = now() - interval '1 day'",
            "provider_credential_expired",
            id="expired",
        ),
        pytest.param("disabled_at = now()", "provider_connection_invalid", id="disabled"),
    ],
)
async def test_resolve_read_connection_unusable_one_gives_its_reason(
    engine: AsyncEngine,
    connections: ConnectionService,
    use: ConnectionUse,
    tenancy: Tenancy,
    columns: str,
    reason_code: str,
) -> None:
    await add(connections, tenancy)
    async with engine.begin() as connection:
        await connection.execute(text(f"UPDATE provider_connections SET {columns}"))
    assert await use.resolve_read_connection(tenancy.tenant_id) == Unresolved(reason_code)


async def test_note_consent_and_verification_are_shown(
    connections: ConnectionService, use: ConnectionUse, tenancy: Tenancy
) -> None:
    added = await add(connections, tenancy)
    await use.note_consent(added.id, ConsentStatus.REQUIRED, "provider_consent_required")
    await use.note_verification(added.id, VerificationStatus.DEGRADED)
    shown = await connections.show(tenancy.workspace_id, added.id)
    assert (shown.consent_status, shown.verification_status) == ("required", "degraded")


async def test_enable_connection_can_be_used_again_and_is_not_the_default(
    connections: ConnectionService, use: ConnectionUse, tenancy: Tenancy
) -> None:
    added = await add(connections, tenancy)
    await connections.disable(EDITOR, tenancy.workspace_id, added.id)
    with pytest.raises(InvalidFieldError, match="enable it first"):
        await connections.set_default(EDITOR, tenancy.workspace_id, added.id)
    enabled = await connections.enable(EDITOR, tenancy.workspace_id, added.id)
    assert not enabled.is_default
    assert await use.resolve_read_connection(tenancy.tenant_id, added.id) == enabled
