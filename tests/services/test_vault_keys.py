"""The root key in a key vault, over real HTTPS: what opens, what refuses, and in which words."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from devstack.key_vault import Fault, KeyVault, running_key_vault
from services.backups.captures import CaptureService
from services.contents.root_keys import (
    EncryptionKeyUnavailableError,
    LocalRootKey,
    RootKeyOutageError,
    RootKeys,
)
from services.contents.root_rotation import RootKeyRotation
from services.contents.vault_keys import VaultRootKey
from services.proofs.certificate_reading import CertificateReads
from services.proofs.certificates import SetCertificates
from services.proofs.problems import ProblemKind
from services.proofs.signing_keys import SigningKeys
from services.proofs.verification import Verification
from tests.services.capture_runs import RULES, Tenant, items
from tests.services.content_rows import new_id, tenant_keys, ticking_clock
from tests.services.tenancy import EDITOR, add_tenancy

KEY = "tenantops-root"
SECRET, HERE = b"s" * 32, b"here"
Opener = Callable[..., VaultRootKey]


@pytest_asyncio.fixture
async def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KeyVault]:
    async with running_key_vault(tmp_path / "vault") as vault:
        vault.add_version(KEY)
        for name, value in vault.client_environment.items():
            monkeypatch.setenv(name, value)
        # Pauses between attempts, and how long a new version may go unnoticed.
        for name in ("_PAUSE_SECONDS", "_VERSION_SECONDS"):
            monkeypatch.setattr(f"services.contents.vault_keys.{name}", 0.0)
        yield vault


@pytest_asyncio.fixture
async def opened(vault: KeyVault) -> AsyncIterator[Opener]:
    """Open root keys of the vault, each as a process of its own would."""
    made: list[VaultRootKey] = []

    def open_key(identifier: str | None = None) -> VaultRootKey:
        made.append(VaultRootKey(identifier or vault.identifier(KEY), ca_file=vault.ca_file))
        return made[-1]

    yield open_key
    for key in made:
        await key.close()


async def test_vault_opens_what_it_wrapped_in_every_process(
    vault: KeyVault, opened: Opener
) -> None:
    key = opened()
    wrapped = await key.wrap(SECRET, HERE)
    assert (
        wrapped.root_key_id == await key.current_id() == vault.identifier(KEY, vault.keys[KEY][0])
    )
    assert SECRET not in wrapped.wrapped
    assert await opened().unwrap(wrapped, HERE) == SECRET
    # The challenge, the sign-in and the reading of the key happen once.
    assert vault.calls.count("token 200") == 2


async def test_what_a_vault_wrapped_is_bound_to_its_place(opened: Opener) -> None:
    key = opened()
    wrapped = await key.wrap(SECRET, HERE)
    cut = wrapped._replace(wrapped=wrapped.wrapped[:-1])
    for altered, context in (
        (wrapped, b"there"),
        (cut, HERE),
        (wrapped._replace(wrapped=b""), HERE),
    ):
        with pytest.raises(EncryptionKeyUnavailableError, match="TENANTOPS_ROOT_KEY_VAULT"):
            await key.unwrap(altered, context)


async def test_older_versions_open_and_the_newest_wraps(vault: KeyVault, opened: Opener) -> None:
    key, pinned = opened(), opened(vault.identifier(KEY, vault.keys[KEY][0]))
    old = await key.wrap(SECRET, HERE)
    newest = vault.add_version(KEY)
    assert (await key.wrap(SECRET, HERE)).root_key_id == newest
    assert await key.unwrap(old, HERE) == SECRET
    assert (await pinned.wrap(SECRET, HERE)).root_key_id == old.root_key_id
    assert await pinned.unwrap(await key.wrap(SECRET, HERE), HERE) == SECRET


async def test_row_cannot_send_the_process_to_another_vault(opened: Opener) -> None:
    key = opened()
    wrapped = await key.wrap(SECRET, HERE)
    foreign = wrapped._replace(root_key_id="https://127.0.0.1:9/keys/tenantops-root/abc")
    assert not key.opens(foreign.root_key_id)
    with pytest.raises(EncryptionKeyUnavailableError):
        await key.unwrap(foreign, HERE)


async def test_vault_is_the_same_however_its_host_is_written(opened: Opener) -> None:
    key = opened("https://Contoso.vault.azure.net/keys/root")
    assert key.opens("https://contoso.vault.azure.net/keys/root/abc")


async def test_vault_of_a_disabled_key_wraps_nothing(vault: KeyVault, opened: Opener) -> None:
    key = opened()
    wrapped = await key.wrap(SECRET, HERE)
    vault.keys[KEY][0].is_enabled = False
    for attempt in (key.wrap(SECRET, HERE), key.unwrap(wrapped, HERE)):
        with pytest.raises(EncryptionKeyUnavailableError, match="enable that version"):
            await attempt


@pytest.mark.parametrize("right", ["get", "unwrapKey"])
async def test_missing_right_is_named(vault: KeyVault, opened: Opener, right: str) -> None:
    vault.permissions.remove(right)
    with pytest.raises(EncryptionKeyUnavailableError, match="get, wrapKey and unwrapKey"):
        await opened().wrap(SECRET, HERE)


@pytest.mark.parametrize("name", ["another", f"{KEY}/0123456789abcdef0123456789abcdef"])
async def test_unknown_key_or_version_is_named(vault: KeyVault, opened: Opener, name: str) -> None:
    with pytest.raises(EncryptionKeyUnavailableError, match="no such key or version"):
        await opened(vault.identifier(name)).wrap(SECRET, HERE)


async def test_refused_sign_in_says_where_to_look(
    vault: KeyVault, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    with pytest.raises(EncryptionKeyUnavailableError, match="AZURE_") as caught:
        await opened().wrap(SECRET, HERE)
    assert not isinstance(caught.value, RootKeyOutageError)
    assert "AADSTS" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("fault", "seconds", "words"),
    [
        pytest.param(Fault(429, retry_after="30", times=9), 30, "throttles", id="throttled"),
        pytest.param(Fault(429, times=9), 5, "throttles", id="throttled without a time"),
        pytest.param(Fault(503, times=9), 5, "HTTP 503", id="unavailable"),
        pytest.param(Fault(drops_connection=True, times=9), 5, "ServiceRe", id="cut off"),
        pytest.param(Fault(delay_seconds=0.4, times=9), 5, "TimeoutError", id="too slow"),
        pytest.param(Fault(503, operation="token", times=9), 5, "HTTP 503", id="no sign-in"),
    ],
)
async def test_outage_is_told_from_a_refusal(
    vault: KeyVault,
    opened: Opener,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    seconds: float,
    words: str,
) -> None:
    monkeypatch.setattr("services.contents.vault_keys._CALL_SECONDS", 0.3)
    vault.faults.append(fault)
    with pytest.raises(RootKeyOutageError, match=words) as caught:
        await opened().wrap(SECRET, HERE)
    assert caught.value.retry_after == seconds
    vault.faults.clear()


async def test_short_outage_is_waited_for(vault: KeyVault, opened: Opener) -> None:
    key = opened()
    wrapped = await key.wrap(SECRET, HERE)
    vault.faults += [Fault(503), Fault(429, retry_after="0")]
    assert await key.unwrap(wrapped, HERE) == SECRET


async def test_vault_that_is_away_is_an_outage_until_it_is_back(
    vault: KeyVault, opened: Opener
) -> None:
    key = opened()
    wrapped = await key.wrap(SECRET, HERE)
    await vault.stop()
    with pytest.raises(RootKeyOutageError, match="TENANTOPS_ROOT_KEY_VAULT"):
        await key.unwrap(wrapped, HERE)
    await vault.start()
    assert await key.unwrap(wrapped, HERE) == SECRET


async def test_unwrapped_keys_outlast_an_outage(
    engine: AsyncEngine, vault: KeyVault, opened: Opener
) -> None:
    tenancy = await add_tenancy(engine)
    place = (tenancy.workspace_id, tenancy.tenant_id)
    keys = tenant_keys(engine, opened())
    sealed = (await keys.cipher(*place)).seal(b"x", HERE)
    await vault.stop()
    assert (await keys.cipher(*place)).open(sealed, HERE) == b"x"


async def test_root_key_moves_from_a_file_into_a_vault_and_its_next_version(
    engine: AsyncEngine, vault: KeyVault, opened: Opener
) -> None:
    tenancies = [await add_tenancy(engine) for _ in range(3)]
    local, key = LocalRootKey(b"f" * 32, "TENANTOPS_ROOT_KEY_PREVIOUS_FILE"), opened()
    sealed = [
        (await tenant_keys(engine, local).cipher(t.workspace_id, t.tenant_id)).seal(b"x", HERE)
        for t in tenancies
    ]
    for previous in ([local], []):
        root_keys = RootKeys(key, previous)
        rotation = RootKeyRotation(
            engine=engine, root_keys=root_keys, clock=ticking_clock(), new_id=new_id
        )
        report = await rotation.rotate(EDITOR)
        assert (report.tenant_keys, report.is_complete) == (3, True)
        newest = vault.identifier(KEY, vault.keys[KEY][-1])
        assert [use.root_key_id for use in await rotation.uses() if use.in_use] == [newest]
        vault.add_version(KEY)
    keys = tenant_keys(engine, opened())
    for tenancy, text in zip(tenancies, sealed, strict=True):
        cipher = await keys.cipher(tenancy.workspace_id, tenancy.tenant_id)
        assert cipher.open(text, HERE) == b"x"


@pytest.mark.parametrize("is_away", [False, True], ids=["disabled", "away"])
async def test_vault_that_does_not_unwrap_is_no_altered_signing_key(
    engine: AsyncEngine, vault: KeyVault, opened: Opener, is_away: bool
) -> None:
    tenancy, made = await add_tenancy(engine), opened()
    certificates = SetCertificates(signing_keys=signing_keys(made))
    keys = tenant_keys(engine, made)
    service = CaptureService(
        engine=engine, keys=keys, certificates=certificates, clock=ticking_clock(), new_id=new_id
    )
    _, set_id = await Tenant(engine, tenancy, service).back_up(items(1))
    assert set_id is not None
    vault.keys[KEY][0].is_enabled = is_away
    if is_away:
        vault.faults.append(Fault(503, times=99))
    fresh = opened()
    report = await Verification(
        engine=engine,
        keys=tenant_keys(engine, fresh),
        signing_keys=signing_keys(fresh),
        rules_for=lambda _: RULES,
    ).verify(tenancy.workspace_id, tenancy.tenant_id)
    assert {problem.fault.kind for problem in report.problems} == {ProblemKind.KEY_UNAVAILABLE}
    reads = CertificateReads(engine=engine, signing_keys=signing_keys(fresh))
    (fault,) = (await reads.of_set(tenancy.workspace_id, set_id)).faults
    assert "not proven" in fault
    vault.faults.clear()


def signing_keys(key: VaultRootKey) -> SigningKeys:
    return SigningKeys(root_keys=RootKeys(key), clock=ticking_clock(), new_id=new_id)


async def test_process_that_knew_the_old_version_wraps_with_the_new_one_after_a_rotation(
    engine: AsyncEngine, vault: KeyVault, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.contents.vault_keys._VERSION_SECONDS", 60.0)
    owners = [(t.workspace_id, t.tenant_id) for t in [await add_tenancy(engine) for _ in range(2)]]
    worker = tenant_keys(engine, opened())
    await worker.cipher(*owners[0])
    newest = vault.add_version(KEY)
    rotating = rotation(engine, opened())
    assert (await rotating.rotate(EDITOR)).is_complete
    await worker.cipher(*owners[1])
    assert [use.root_key_id for use in await rotating.uses() if use.in_use] == [newest]


async def test_rotation_says_that_the_old_version_is_disabled(
    engine: AsyncEngine, vault: KeyVault, opened: Opener
) -> None:
    tenancies = [await add_tenancy(engine) for _ in range(2)]
    for tenancy in tenancies:
        await tenant_keys(engine, opened()).cipher(tenancy.workspace_id, tenancy.tenant_id)
    vault.add_version(KEY)
    vault.keys[KEY][0].is_enabled = False
    rotating = rotation(engine, opened())
    report = await rotating.rotate(EDITOR)
    assert not report.is_complete
    (problem,) = report.problems
    assert "is disabled in the key vault; enable that version" in problem
    vault.keys[KEY][0].is_enabled = True
    again = await rotating.rotate(EDITOR)
    assert (again.is_complete, again.tenant_keys, again.problems) == (True, 2, [])


def rotation(engine: AsyncEngine, key: VaultRootKey) -> RootKeyRotation:
    return RootKeyRotation(
        engine=engine, root_keys=RootKeys(key), clock=ticking_clock(), new_id=new_id
    )
