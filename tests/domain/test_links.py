"""Links of a run: known keys only, and never out of the path."""

import pytest

from domain.links import CONTEXT_KEYS, LinkTarget, link_path, related_links, run_path

ID = "0192f1a0-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("provider_connection_id", f"/connections/{ID}"),
        ("backup_schedule_id", f"/schedules/{ID}"),
        ("backup_schedule_run_id", f"/history/backup-schedule-runs/{ID}"),
        ("backup_set_id", f"/backup-sets/{ID}"),
        ("policy_id", f"/policies/{ID}"),
        ("restore_run_id", f"/restores/{ID}"),
    ],
)
def test_known_key_gives_its_link(key: str, path: str) -> None:
    (link,) = related_links({key: ID, "unrelated": ID})
    assert (link.key, link.object_id, link.path) == (key, ID, path)


def test_target_scope_links_the_entra_tenant() -> None:
    (link,) = related_links({"target_scope": {"entra_tenant_id": ID}})
    assert link.path == f"/tenants/{ID}"


@pytest.mark.parametrize("value", ["../../etc", "a b", "", None, "x" * 65, {"id": ID}, "a/b", "ü"])
def test_value_that_could_leave_the_path_gives_no_link(value: object) -> None:
    assert related_links({"policy_id": value, "target_scope": {"entra_tenant_id": value}}) == ()


def test_unknown_keys_give_no_link() -> None:
    assert related_links({"selection": {"ids_hash": "x"}, "policy": ID}) == ()


def test_context_keys_are_those_of_the_seed() -> None:
    assert {
        "provider_connection_id",
        "backup_schedule_id",
        "backup_schedule_run_id",
        "backup_set_id",
        "policy_id",
        "restore_run_id",
        "target_scope",
        "selection",
        "idempotency",
        "scheduled_for",
    } == CONTEXT_KEYS


def test_run_path_has_no_tenant() -> None:
    assert run_path(ID) == f"/operations/{ID}"


@pytest.mark.parametrize("target", list(LinkTarget))
def test_next_step_of_any_target_has_a_path_without_context(target: LinkTarget) -> None:
    assert link_path(target, {}, "ok").startswith("/")


def test_next_step_is_as_precise_as_the_context() -> None:
    context = {"provider_connection_id": ID, "operation_run_id": ID}
    assert link_path(LinkTarget.CONNECTION, context, "x") == f"/connections/{ID}"
    assert link_path(LinkTarget.CONNECTION, {}, "x") == "/connections"
    assert link_path(LinkTarget.RUN, context, "x") == f"/operations/{ID}"
    assert link_path(LinkTarget.DOCUMENTATION, context, "slot_missed").endswith("#slot_missed")
