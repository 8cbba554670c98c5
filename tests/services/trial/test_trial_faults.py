"""What a trial makes of Graph's faults: named, patient, and never taken for a deletion."""

from datetime import timedelta
from typing import Any

import pytest

from services.trial.object_comparison import ObjectComparison
from services.trial.trial_folder import TrialFolder
from services.trial.trials import TrialReport
from tests.services.trial.visitor import Visitor, causes, found

FILTERS = "/deviceManagement/assignmentFilters"
TAGS = "/deviceManagement/roleScopeTags"
ONE_FILTER = f"{FILTERS}/{{id}}"


def plant(visitor: Visitor, path: str, **fault: Any) -> None:
    """Let a path of this visitor's tenant answer with a fault."""
    tenant_id = visitor.service.tenants[visitor.tenant].tenant_id
    visitor.service.control.add_fault(path=path, tenant=tenant_id, **fault)


def whole(report: TrialReport) -> dict[str, bool]:
    """Return which types were read whole."""
    return {of_type.result.resource_type: of_type.is_whole for of_type in report.types}


async def test_refused_type_is_named_and_keeps_what_was_known(visitor: Visitor) -> None:
    await visitor.read("filter", "scopeTag")
    before = visitor.files()
    plant(visitor, FILTERS, kind="status", status=403, code="Authorization_RequestDenied")
    report = await visitor.read("filter", "scopeTag")
    assert causes(report) == {"filter": "provider_permission_denied", "scopeTag": None}
    assert (report.changes, report.is_whole) == ([], False)
    assert visitor.files() == before


async def test_scope_without_consent_is_told_from_a_role_that_lacks(visitor: Visitor) -> None:
    visitor.scopes = ["DeviceManagementRBAC.Read.All", "openid", "profile", "offline_access"]
    plant(visitor, TAGS, kind="status", status=403, code="Forbidden")
    report = await visitor.read("filter", "scopeTag")
    consented = {one.result.resource_type: one.is_consented for one in report.types}
    assert consented == {"filter": False, "scopeTag": True}
    assert whole(report) == {"filter": False, "scopeTag": False}


async def test_type_that_is_read_for_the_first_time_later_lists_no_changes(
    visitor: Visitor,
) -> None:
    visitor.scopes = ["openid", "profile", "offline_access"]
    assert not (await visitor.read("filter")).is_whole
    visitor.scopes = None
    report = await visitor.read("filter")
    assert (report.is_whole, report.changes) == (True, [])
    assert len(visitor.documents("filter")) == 24


@pytest.mark.long
async def test_throttling_is_waited_for(visitor: Visitor) -> None:
    plant(visitor, FILTERS, kind="status", status=429, retry_after="0.1", times=2)
    assert (await visitor.read("filter")).is_whole


@pytest.mark.long
async def test_throttling_without_end_is_the_cause_at_the_deadline(visitor: Visitor) -> None:
    plant(visitor, FILTERS, kind="status", status=429, retry_after="60")
    visitor.deadline = timedelta(seconds=1)
    report = await visitor.read("filter", "scopeTag")
    assert causes(report) == {"filter": "provider_throttled", "scopeTag": None}
    assert visitor.waited == [("filter", "provider_throttled")]


async def test_rejected_token_is_refreshed_and_the_reading_goes_on(visitor: Visitor) -> None:
    plant(visitor, FILTERS, kind="unauthorized", times=1)
    assert (await visitor.read("filter")).is_whole
    assert len(visitor.people) == 1


async def test_sign_in_that_is_withdrawn_ends_what_is_open(visitor: Visitor) -> None:
    await visitor.read("filter")
    before = visitor.files()
    control = visitor.service.control
    approve = visitor.signed_in

    def withdrawn(person: Any) -> None:
        approve(person)
        control.set_token_failure(visitor.tenant, 50173)

    visitor.signed_in = withdrawn  # type: ignore[method-assign] # somebody withdraws it then
    plant(visitor, FILTERS, kind="unauthorized")
    report = await visitor.read("filter")
    control.set_token_failure(visitor.tenant, None)
    assert causes(report) == {"filter": "provider_consent_required"}
    assert visitor.files() == before


@pytest.mark.long
async def test_listing_with_an_expired_page_begins_again(visitor: Visitor) -> None:
    place = "/deviceManagement/configurationPolicies"
    expected = visitor.service.control.object_ids(visitor.tenant, place)
    plant(visitor, place, kind="expired_page", page=1, times=1)
    report = await visitor.read("settingsCatalog")
    assert report.is_whole
    assert set(visitor.documents("settingsCatalog")) == set(expected)


async def test_empty_list_of_objects_that_exist_deletes_nothing(visitor: Visitor) -> None:
    await visitor.read("filter")
    before = visitor.files()
    plant(visitor, FILTERS, kind="empty_list")
    report = await visitor.read("filter")
    assert causes(report) == {"filter": "listing_inconsistent"}
    assert report.changes == []
    assert visitor.files() == before


async def test_large_loss_waits_for_the_next_call(visitor: Visitor) -> None:
    control = visitor.service.control
    await visitor.read("filter")
    before = visitor.files()
    control.clear_collection(visitor.tenant, FILTERS)
    held = await visitor.read("filter")
    assert (causes(held), held.changes) == ({"filter": "listing_held"}, [])
    assert visitor.files() == before
    confirmed = await visitor.read("filter")
    assert confirmed.is_whole
    assert {change.change for change in confirmed.changes} == {"deleted"}
    assert len(confirmed.changes) == 24
    assert visitor.files() == {}


async def test_missing_object_without_an_answer_stays(visitor: Visitor) -> None:
    control = visitor.service.control
    await visitor.read("filter")
    first, second, *_ = control.object_ids(visitor.tenant, FILTERS)
    control.delete_object(visitor.tenant, FILTERS, first)
    control.delete_object(visitor.tenant, FILTERS, second)
    plant(visitor, f"{FILTERS}/{first}", kind="status", status=403, code="Forbidden")
    report = await visitor.read("filter")
    assert causes(report) == {"filter": "object_failed"}
    assert [(change.change, change.object_id) for change in report.changes] == [("deleted", second)]
    assert first in visitor.documents("filter")


async def test_listed_object_that_is_not_found_fails_and_stays(visitor: Visitor) -> None:
    place = "/deviceManagement/deviceManagementScripts"
    control = visitor.service.control
    await visitor.read("powershellScript")
    first = control.object_ids(visitor.tenant, place)[0]
    plant(visitor, f"{place}/{first}", kind="status", status=404, code="ResourceNotFound")
    report = await visitor.read("powershellScript")
    assert causes(report) == {"powershellScript": "object_listed_not_found"}
    assert report.changes == []
    assert first in visitor.documents("powershellScript")


async def test_object_that_failed_before_is_read_for_the_first_time(visitor: Visitor) -> None:
    place = "/deviceManagement/deviceManagementScripts"
    control = visitor.service.control
    first = control.object_ids(visitor.tenant, place)[0]
    plant(visitor, f"{place}/{first}", kind="status", status=403, code="Forbidden")
    partial = await visitor.read("powershellScript")
    control.clear_faults()
    report = await visitor.read("powershellScript")
    name = control.get_object(visitor.tenant, place, first)["displayName"]
    assert not partial.is_whole
    assert found(report) == {("first_read", first, name)}


async def test_property_that_a_whole_type_gains_is_no_change_of_anybody(visitor: Visitor) -> None:
    control = visitor.service.control
    await visitor.read("filter")
    for object_id in control.object_ids(visitor.tenant, FILTERS):
        control.update_object(visitor.tenant, FILTERS, object_id, {"newProperty": None})
    changed = control.object_ids(visitor.tenant, FILTERS)[0]
    control.update_object(visitor.tenant, FILTERS, changed, {"rule": "(another)"})
    report = await visitor.read("filter")
    kinds = [change.change for change in report.changes]
    assert (kinds.count("schema_change"), kinds.count("updated")) == (23, 1)


async def test_group_that_does_not_exist_is_no_failure(visitor: Visitor) -> None:
    control = visitor.service.control
    place = "/deviceManagement/deviceCompliancePolicies"
    await visitor.read("compliancePolicy", "group")
    named = sorted(visitor.documents("group"))
    control.delete_object(visitor.tenant, "/groups", named[0])
    report = await visitor.read("compliancePolicy", "group")
    assert report.is_whole
    assert [(change.change, change.object_id) for change in report.changes] == [
        ("deleted", named[0])
    ]
    control.clear_collection(visitor.tenant, place)
    report = await visitor.read("compliancePolicy", "group")
    assert {change.resource_type for change in report.changes} == {"compliancePolicy"}
    assert visitor.documents("group") == {}


@pytest.mark.long
@pytest.mark.parametrize("kind", ["html", "truncated", "cut"])
async def test_damaged_answer_is_asked_for_again(visitor: Visitor, kind: str) -> None:
    plant(visitor, FILTERS, kind=kind, times=1)
    assert (await visitor.read("filter")).is_whole


async def test_hostile_texts_reach_neither_state_nor_report(visitor: Visitor) -> None:
    plant(visitor, FILTERS, kind="hostile", status=400, code="BadRequest")
    report = await visitor.read("filter", "scopeTag")
    shown = repr(report) + (visitor.folder / "try.json").read_text()
    assert not whole(report)["filter"]
    for planted in ("planted", "Pl4~8Q", "jane."):
        assert planted not in shown


async def test_defect_with_one_type_is_named_and_keeps_no_other(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole_see = ObjectComparison.see

    def broken(self: ObjectComparison, objects: Any) -> Any:
        if self._type.key == "filter":
            raise RuntimeError("planted text")
        return whole_see(self, objects)

    monkeypatch.setattr(ObjectComparison, "see", broken)
    report = await visitor.read("filter", "scopeTag")
    assert causes(report) == {"filter": "worker_error", "scopeTag": None}
    assert [record.getMessage() for record in caplog.records] == ["reading a type broke"]


async def test_disk_that_is_full_ends_the_call_and_leaves_the_folder(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await visitor.read("filter")
    before = visitor.files()

    def full(_self: TrialFolder, path: str, _content: bytes) -> None:
        raise OSError(28, "No space left on device", path)

    with monkeypatch.context() as patch:
        patch.setattr(TrialFolder, "stage", full)
        with pytest.raises(OSError, match="space"):
            await visitor.read("filter", "scopeTag")
    assert visitor.files() == before
