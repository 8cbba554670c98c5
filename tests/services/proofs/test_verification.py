import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.canonical_rules import CANONICAL_RULES_VERSION, CanonicalRules
from services.backups.captures import CapturedObject
from services.contents.root_keys import LocalRootKey
from services.history.change_events import actor_context
from services.proofs.problems import ProblemKind
from services.proofs.verification import UnknownSetError, Verification, VerificationReport
from storage.changes import NewChangeEvent, insert_events
from tests.services.capture_runs import FILTER, RULES, Tenant, add_tenant, item, items
from tests.services.content_rows import ROOT_KEY, new_id, signing_keys, tenant_keys

VICTIM = "object-00003"
# In statements, $T stands for the tenant.
SECOND_SET = "(SELECT id FROM backup_sets WHERE tenant_id = '$T' AND sequence = 2)"
SECOND_CHUNK = (
    "tenant_id = '$T' AND chunk_hash = "
    "(SELECT chunk_hashes[1] FROM set_manifests JOIN manifests USING (tenant_id, manifest_hash) "
    f"WHERE backup_set_id = {SECOND_SET})"
)
SECOND_MANIFEST = (
    "tenant_id = '$T' AND manifest_hash = "
    f"(SELECT manifest_hash FROM set_manifests WHERE backup_set_id = {SECOND_SET})"
)

VICTIM_ROW = f"tenant_id = '$T' AND external_id = '{VICTIM}'"
VERSIONS_OF_VICTIM = f"policy_id = (SELECT id FROM policies WHERE {VICTIM_ROW})"


def latest(object_id: str) -> str:
    """Return the hash of an object's latest version, as SQL."""
    return (
        "(SELECT current_version_hash FROM policies "
        f"WHERE tenant_id = '$T' AND external_id = '{object_id}')"
    )


def flipped(column: str) -> str:
    """Return a column with its last bit turned, as SQL."""
    last = f"length({column}) - 1"
    return f"set_byte({column}, {last}, get_byte({column}, {last}) # 1)"


@pytest_asyncio.fixture
async def tenant(shared_engine: AsyncEngine) -> Tenant:
    """A tenant with three sets of five objects that never change and one that always does."""
    tenant = await add_tenant(shared_engine)
    for number in range(3):
        await tenant.back_up([*items(5), item("a", str(number), secretValue="s")])
    return tenant


async def verified(
    tenant: Tenant,
    rules_for: Callable[[str], CanonicalRules | None] = lambda _: RULES,
    root_key: LocalRootKey = ROOT_KEY,
    **only: Any,
) -> VerificationReport:
    verification = Verification(
        engine=tenant.engine,
        keys=tenant_keys(tenant.engine, root_key),
        signing_keys=signing_keys(root_key),
        rules_for=rules_for,
    )
    place = (tenant.tenancy.workspace_id, tenant.tenancy.tenant_id)
    return await verification.verify(*place, **only)


async def execute(tenant: Tenant, *statements: str) -> None:
    async with tenant.engine.begin() as connection:
        # Foreign keys are no obstacle for whoever owns the files.
        await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements:
            own = statement.replace("$T", str(tenant.tenancy.tenant_id))
            assert (await connection.exec_driver_sql(own)).rowcount, own


def found(report: VerificationReport) -> set[tuple[ProblemKind, tuple[int, ...], str | None]]:
    return {
        (problem.fault.kind, problem.sequences, problem.fault.object_id)
        for problem in report.problems
    }


async def test_untouched_tenant_is_clean_and_everything_was_recomputed(tenant: Tenant) -> None:
    report = await verified(tenant)
    assert report.problems == ()
    assert (report.set_count, report.certificate_count, report.uncertified_count) == (3, 3, 0)
    assert (report.documents.hashed, report.documents.opened, report.documents.sealed) == (8, 0, 0)
    assert report.chunk_count == 3


K = ProblemKind
NAMED = {
    "a flipped byte in a document": (
        (
            f"UPDATE contents SET body = {flipped('body')} "
            f"WHERE tenant_id = '$T' AND version_hash = {latest(VICTIM)}"
        ),
        {(K.CONTENT_ALTERED, (1, 2, 3), VICTIM)},
    ),
    "a deleted document": (
        f"DELETE FROM contents WHERE tenant_id = '$T' AND version_hash = {latest(VICTIM)}",
        {(K.CONTENT_MISSING, (1, 2, 3), VICTIM)},
    ),
    "the document of another object": (
        (
            "UPDATE contents SET body = other.body FROM contents AS other "
            f"WHERE contents.tenant_id = '$T' AND contents.version_hash = {latest(VICTIM)} "
            f"AND other.tenant_id = '$T' AND other.version_hash = {latest('a')}"
        ),
        {(K.CONTENT_ALTERED, (1, 2, 3), VICTIM)},
    ),
    "a flipped byte in a chunk": (
        f"UPDATE manifest_chunks SET entries = {flipped('entries')} WHERE {SECOND_CHUNK}",
        {(K.CHUNK_ALTERED, (2,), None)},
    ),
    "a deleted chunk": (
        f"DELETE FROM manifest_chunks WHERE {SECOND_CHUNK}",
        {(K.CHUNK_MISSING, (2,), None)},
    ),
    "another list of chunks": (
        f"UPDATE manifests SET chunk_hashes = ARRAY['x'::bytea] WHERE {SECOND_MANIFEST}",
        {(K.MANIFEST_ALTERED, (2,), None), (K.CHUNK_MISSING, (2,), None)},
    ),
    "a deleted list of chunks": (
        f"DELETE FROM manifests WHERE {SECOND_MANIFEST}",
        {(K.MANIFEST_ALTERED, (2,), None)},
    ),
    "a list of chunks of another workspace": (
        f"UPDATE manifests SET workspace_id = gen_random_uuid() WHERE {SECOND_MANIFEST}",
        {(K.MANIFEST_ALTERED, (2,), None)},
    ),
    "another hash in a manifest": (
        f"UPDATE set_manifests SET manifest_hash = 'x' WHERE backup_set_id = {SECOND_SET}",
        {
            (K.MANIFEST_ALTERED, (2,), None),
            (K.SET_ALTERED, (2,), None),
            (K.CERTIFICATE_CONTRADICTED, (2,), None),
        },
    ),
    "another count in a manifest": (
        f"UPDATE set_manifests SET entry_count = 7 WHERE backup_set_id = {SECOND_SET}",
        {
            (K.MANIFEST_ALTERED, (2,), None),
            (K.SET_ALTERED, (2,), None),
            (K.CERTIFICATE_CONTRADICTED, (2,), None),
        },
    ),
    "a deleted manifest": (
        f"DELETE FROM set_manifests WHERE backup_set_id = {SECOND_SET}",
        {(K.SET_ALTERED, (2,), None), (K.CERTIFICATE_CONTRADICTED, (2,), None)},
    ),
    "another time in a set": (
        (
            "UPDATE backup_sets SET captured_at = captured_at - interval '1 day' "
            f"WHERE id = {SECOND_SET}"
        ),
        {(K.SET_ALTERED, (2,), None), (K.CERTIFICATE_CONTRADICTED, (2,), None)},
    ),
    "another state in a set": (
        f"UPDATE backup_sets SET status = 'partial' WHERE id = {SECOND_SET}",
        {(K.CERTIFICATE_CONTRADICTED, (2,), None)},
    ),
    "a set that leaves the chain": (
        f"UPDATE backup_sets SET previous_set_id = NULL WHERE id = {SECOND_SET}",
        {(K.SET_MISPLACED, (2,), None)},
    ),
    "another number in a certificate": (
        (
            "UPDATE set_certificates SET "
            """document = replace(document, '"failed":0', '"failed":1') """
            f"WHERE backup_set_id = {SECOND_SET}"
        ),
        {(K.CERTIFICATE_ALTERED, (2,), None), (K.SIGNATURE_INVALID, (2,), None)},
    ),
    "a flipped byte in a signature": (
        (
            f"UPDATE set_certificates SET signature = {flipped('signature')} "
            f"WHERE backup_set_id = {SECOND_SET}"
        ),
        {(K.SIGNATURE_INVALID, (2,), None)},
    ),
    "a deleted certificate": (
        f"DELETE FROM set_certificates WHERE backup_set_id = {SECOND_SET}",
        {(K.CERTIFICATE_MISSING, (2,), None), (K.CERTIFICATE_MISPLACED, (3,), None)},
    ),
    "a certificate of another key": (
        (
            "UPDATE set_certificates SET signing_key_id = gen_random_uuid() "
            f"WHERE backup_set_id = {SECOND_SET}"
        ),
        {(K.SIGNING_KEY_MISSING, (2,), None)},
    ),
    "a certificate of another tenant": (
        (
            "UPDATE set_certificates SET tenant_id = gen_random_uuid() "
            f"WHERE backup_set_id = {SECOND_SET}"
        ),
        {(K.CERTIFICATE_ALTERED, (2,), None)},
    ),
    "a manifest of another tenant": (
        (
            "UPDATE set_manifests SET workspace_id = gen_random_uuid() "
            f"WHERE backup_set_id = {SECOND_SET}"
        ),
        {(K.MANIFEST_ALTERED, (2,), None)},
    ),
    "a chunk of another workspace": (
        f"UPDATE manifest_chunks SET workspace_id = gen_random_uuid() WHERE {SECOND_CHUNK}",
        {(K.CHUNK_ALTERED, (2,), None)},
    ),
    "a flipped byte in a name": (
        f"UPDATE policies SET name = {flipped('name')} WHERE {VICTIM_ROW}",
        {(K.NAME_ALTERED, (), VICTIM)},
    ),
    "another latest version": (
        f"UPDATE policies SET current_version_hash = {latest('a')} WHERE {VICTIM_ROW}",
        {(K.HISTORY_ALTERED, (), VICTIM)},
    ),
    "a deletion that never was": (
        f"UPDATE policies SET deleted_at = now() WHERE {VICTIM_ROW}",
        {(K.HISTORY_ALTERED, (), VICTIM)},
    ),
    "another version in the history": (
        f"UPDATE policy_versions SET version_hash = {latest('a')} WHERE {VERSIONS_OF_VICTIM}",
        {(K.HISTORY_ALTERED, (1, 2, 3), VICTIM), (K.HISTORY_ALTERED, (), VICTIM)},
    ),
    "a removed version": (
        f"DELETE FROM policy_versions WHERE {VERSIONS_OF_VICTIM}",
        {(K.HISTORY_ALTERED, (1, 2, 3), VICTIM), (K.HISTORY_ALTERED, (), VICTIM)},
    ),
    "another time of a version": (
        (
            "UPDATE policy_versions SET captured_at = captured_at - interval '1 day' "
            f"WHERE {VERSIONS_OF_VICTIM}"
        ),
        {(K.HISTORY_ALTERED, (), VICTIM)},
    ),
    "another kind of change": (
        f"UPDATE policy_versions SET change = 'updated' WHERE {VERSIONS_OF_VICTIM}",
        {(K.HISTORY_ALTERED, (), VICTIM)},
    ),
    "a removed set": (
        f"DELETE FROM backup_sets WHERE id = {SECOND_SET}",
        {(K.SET_MISSING, (3,), None)},
    ),
}


@pytest.mark.parametrize(("statement", "expected"), NAMED.values(), ids=NAMED)
async def test_verify_what_was_altered_is_found_and_named(
    tenant: Tenant, statement: str, expected: set[Any]
) -> None:
    await execute(tenant, statement)
    report = await verified(tenant)
    assert found(report) == expected
    of_objects = [problem.fault for problem in report.problems if problem.fault.object_id]
    assert {fault.resource_type for fault in of_objects} <= {FILTER}


async def test_exchanged_signing_key_is_found(engine: AsyncEngine) -> None:
    tenant = await add_tenant(engine)
    await tenant.back_up(items(1))
    await execute(tenant, "UPDATE signing_keys SET public_key = sha256('another key')")
    kinds = {kind for kind, _, _ in found(await verified(tenant))}
    assert kinds == {K.SIGNING_KEY_ALTERED, K.SIGNATURE_INVALID}


async def test_removed_signing_key_does_not_make_its_certificates_vanish(
    engine: AsyncEngine,
) -> None:
    tenant = await add_tenant(engine)
    await tenant.back_up(items(1))
    await tenant.back_up(items(2))
    await execute(tenant, "DELETE FROM signing_keys")
    report = await verified(tenant)
    assert found(report) == {(K.SIGNING_KEY_MISSING, (1, 2), None)}
    assert (report.certificate_count, report.uncertified_count) == (2, 0)


async def test_history_of_deleted_and_returned_objects_is_clean(tenant: Tenant) -> None:
    await tenant.back_up(items(3))
    await tenant.back_up(items(5))
    await tenant.back_up([CapturedObject("nameless", None, {"id": "nameless"})])
    await tenant.back_up([CapturedObject("nameless", "", {"id": "nameless", "displayName": ""})])
    assert (await verified(tenant)).problems == ()


async def test_event_of_another_object_is_found(tenant: Tenant) -> None:
    await add_event(tenant, "event", VICTIM)
    assert (await verified(tenant)).problems == ()
    await execute(tenant, "UPDATE change_events SET external_id = 'a' WHERE tenant_id = '$T'")
    assert found(await verified(tenant)) == {(K.EVENT_ALTERED, (), "a")}


async def add_event(tenant: Tenant, event_id: str, object_id: str) -> None:
    place = (tenant.tenancy.workspace_id, tenant.tenancy.tenant_id)
    cipher = await tenant_keys(tenant.engine).cipher(*place)
    context = actor_context(place[1], "intune", event_id, object_id)
    event = NewChangeEvent(
        source="intune",
        event_id=event_id,
        external_id=object_id,
        resource_type=FILTER,
        operation="update",
        happened_at=datetime.now(UTC),
        actor=cipher.seal(b"{}", context),
        key_id=cipher.key_id,
    )
    async with tenant.engine.begin() as connection:
        await insert_events(connection, place, [event])


async def test_removed_set_is_named_by_its_number(tenant: Tenant) -> None:
    await execute(tenant, f"DELETE FROM backup_sets WHERE id = {SECOND_SET}")
    [problem] = (await verified(tenant)).problems
    assert str(problem) == "set 3: the sets before it are missing: 2"


async def test_verify_goes_on_after_the_first_problem(tenant: Tenant) -> None:
    await execute(
        tenant,
        "UPDATE contents SET body = sha256(body) WHERE tenant_id = '$T'",
        "UPDATE set_certificates SET signature = sha256(signature) WHERE tenant_id = '$T'",
    )
    report = await verified(tenant)
    broken = {problem.fault.object_id for problem in report.problems} - {None}
    assert broken == {"a", *(f"object-0000{number}" for number in range(5))}
    assert (K.SIGNATURE_INVALID, (1, 2, 3), None) in found(report)


async def test_documents_of_older_rules_are_proven_by_their_seal(tenant: Tenant) -> None:
    def newer(_: str) -> CanonicalRules:
        return CanonicalRules(version=CANONICAL_RULES_VERSION + 1, volatile=("rule",))

    report = await verified(tenant, newer)
    assert report.problems == ()
    assert (report.documents.older_rules, report.documents.opened) == (8, 8)


async def test_document_that_newer_rules_hash_alike_is_proven_by_its_hash(tenant: Tenant) -> None:
    newer = replace(RULES, version=CANONICAL_RULES_VERSION + 1)
    assert (await verified(tenant, lambda _: newer)).documents.hashed == 8


async def test_rules_that_changed_under_one_version_are_a_difference(tenant: Tenant) -> None:
    report = await verified(tenant, lambda _: CanonicalRules(volatile=("rule",)))
    assert {kind for kind, _, _ in found(report)} == {K.CONTENT_DIFFERS}


async def test_type_that_this_version_lacks_is_opened_only(tenant: Tenant) -> None:
    report = await verified(tenant, lambda _: None)
    assert (report.problems, report.documents.opened) == ((), 8)


async def test_one_set_is_verified_by_itself(tenant: Tenant) -> None:
    await execute(
        tenant, "UPDATE backup_sets SET set_hash = 'x' WHERE tenant_id = '$T' AND sequence = 3"
    )
    second, third = await set_id(tenant, 2), await set_id(tenant, 3)
    report = await verified(tenant, set_id=second)
    assert (report.set_count, report.problems, report.documents.hashed) == (1, (), 6)
    assert (K.SET_ALTERED, (3,), None) in found(await verified(tenant, set_id=third))
    with pytest.raises(UnknownSetError):
        await verified(tenant, set_id=new_id())


async def set_id(tenant: Tenant, sequence: int) -> UUID:
    owned = f"tenant_id = '{tenant.tenancy.tenant_id}'"
    query = f"SELECT id FROM backup_sets WHERE {owned} AND sequence = {sequence}"
    return UUID(str(await tenant.scalar(query)))


async def test_document_in_no_set_is_opened_and_its_object_named(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    await run.step([item("discarded")], last=False)
    assert (await verified(tenant)).documents.opened == 1
    await execute(
        tenant,
        f"UPDATE contents SET body = {flipped('body')} "
        f"WHERE tenant_id = '$T' AND version_hash = {latest('discarded')}",
    )
    assert found(await verified(tenant)) == {(K.CONTENT_ALTERED, (), "discarded")}


async def test_history_without_its_document_is_named(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    await run.step([item("discarded")], last=False)
    await execute(
        tenant,
        f"DELETE FROM contents WHERE tenant_id = '$T' AND version_hash = {latest('discarded')}",
    )
    assert found(await verified(tenant)) == {(K.CONTENT_MISSING, (), "discarded")}


async def test_wrong_root_key_is_said_once_and_hashes_are_checked(tenant: Tenant) -> None:
    await execute(
        tenant, "UPDATE backup_sets SET set_hash = 'x' WHERE tenant_id = '$T' AND sequence = 3"
    )
    report = await verified(tenant, root_key=LocalRootKey(b"o" * 32))
    kinds = [problem.fault.kind for problem in report.problems]
    assert kinds.count(K.KEY_UNAVAILABLE) == 2  # of the documents, and of the signatures
    assert K.SET_ALTERED in kinds
    assert report.documents.sealed == 8


async def test_destroyed_tenant_key_is_said_once(tenant: Tenant) -> None:
    await execute(
        tenant,
        "UPDATE tenant_keys SET wrapped_key = NULL, destroyed_at = now() WHERE tenant_id = '$T'",
    )
    assert found(await verified(tenant)) == {(K.KEY_UNAVAILABLE, (), None)}


async def test_names_and_actors_under_a_destroyed_key_are_lost_and_not_altered(
    tenant: Tenant,
) -> None:
    await add_event(tenant, "event", VICTIM)
    place = (tenant.tenancy.workspace_id, tenant.tenancy.tenant_id)
    keys = tenant_keys(tenant.engine)
    destroyed = await keys.cipher(*place)
    await keys.destroy(*place)
    # What is still in the tenant is stored anew, and its names are when it changes.
    await tenant.back_up(items(5))
    report = await verified(tenant)
    end = f"are sealed with key {destroyed.key_id}, which was destroyed"
    lost = {f"{what} {end}" for what in ("documents", "names", "actors of audit events")}
    assert {each.fault.detail for each in report.problems} == lost
    assert {kind for kind, _, _ in found(report)} == {K.KEY_UNAVAILABLE}


async def test_documents_under_a_retired_key_are_hashed_again(tenant: Tenant) -> None:
    place = (tenant.tenancy.workspace_id, tenant.tenancy.tenant_id)
    async with tenant.engine.begin() as connection:
        await tenant_keys(tenant.engine).replace_within(connection, *place)
    await tenant.back_up([*items(5), item("a", "after", secretValue="s")])
    report = await verified(tenant)
    assert (report.problems, report.documents.hashed) == ((), 9)


async def test_set_from_before_certificates_is_no_problem(tenant: Tenant) -> None:
    await execute(tenant, "DELETE FROM set_certificates WHERE tenant_id = '$T'")
    report = await verified(tenant)
    assert (report.problems, report.uncertified_count) == ((), 3)


async def test_running_backup_gives_no_false_alarm(tenant: Tenant) -> None:
    async def write() -> None:
        for number in range(4):
            await tenant.back_up([*items(5), item("a", f"later {number}")])

    async def watch() -> list[VerificationReport]:
        return [await verified(tenant) for _ in range(6)]

    _, reports = await asyncio.gather(write(), watch())
    assert all(report.problems == () for report in reports)


async def test_progress_reaches_the_number_of_documents(tenant: Tenant) -> None:
    seen: list[tuple[int, int]] = []
    await verified(tenant, on_progress=lambda checked, total: seen.append((checked, total)))
    assert seen[-1] == (8, 8)
