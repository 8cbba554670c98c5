"""Whole calls of a trial: the folder equals the tenant, and what changed is what is said."""

import json
from typing import Any

import pytest

from domain.diff import ChangeKind
from graph.errors import GraphCredentialRefusedError
from services.trial.trial_folder import TrialFolderError
from tests.end_to_end.comparer import differences
from tests.end_to_end.truth import PLACES, ids_of, path_of
from tests.services.trial.visitor import Visitor, causes, found

FILTERS = "/deviceManagement/assignmentFilters"


def truth(visitor: Visitor, key: str) -> dict[str, dict[str, Any]]:
    """Return the local Graph's own documents of a type, as an app that may only read sees them."""
    control = visitor.service.control
    whole = {
        object_id: control.get_object(visitor.tenant, path_of(key), object_id)
        for object_id in ids_of(visitor.service, key, visitor.tenant)
    }
    # The second view of an intent's settings is read with the first.
    hidden = {"_secrets", "categories"} if key == "endpointSecurityIntent" else {"_secrets"}
    return {
        object_id: {name: value for name, value in document.items() if name not in hidden}
        for object_id, document in whole.items()
    }


@pytest.mark.long
async def test_first_call_holds_every_object_as_the_tenant_has_it(visitor: Visitor) -> None:
    report = await visitor.read(*PLACES)
    originals = {key: truth(visitor, key) for key in PLACES}
    copies = {key: visitor.documents(key) for key in PLACES}
    wrong = {
        object_id: missed
        for key in PLACES
        for object_id, original in originals[key].items()
        if (missed := list(differences(original, copies[key][object_id])))
    }
    assert wrong == {}
    assert {key: set(copies[key]) for key in PLACES} == {key: set(originals[key]) for key in PLACES}
    assert set(causes(report).values()) == {None}
    assert (report.is_first, report.is_whole, report.changes) == (True, True, [])
    counters = visitor.service.control.counters(visitor.tenant)
    assert not [path for path in counters["by_path"] if not path.startswith("GET ")]


async def test_second_call_of_an_unchanged_tenant_changes_nothing(visitor: Visitor) -> None:
    await visitor.read("filter", "compliancePolicy")
    before = visitor.files()
    report = await visitor.read("filter", "compliancePolicy")
    assert (report.is_first, report.is_whole, report.changes) == (False, True, [])
    assert visitor.files() == before


async def test_planted_changes_are_exactly_what_is_said(visitor: Visitor) -> None:
    control, tenant = visitor.service.control, visitor.tenant
    await visitor.read("filter", "scopeTag")
    first, second, third, *_ = control.object_ids(tenant, FILTERS)
    gone = control.get_object(tenant, FILTERS, third)["displayName"]
    control.update_object(tenant, FILTERS, first, {"description": "by hand"})
    control.update_object(tenant, FILTERS, second, {"displayName": "Another name"})
    control.delete_object(tenant, FILTERS, third)
    new = control.insert_object(tenant, FILTERS, {"displayName": "New", "rule": "(x)"})
    report = await visitor.read("filter", "scopeTag")
    named = control.get_object(tenant, FILTERS, first)["displayName"]
    assert found(report) == {
        ("updated", first, named),
        ("updated", second, "Another name"),
        ("deleted", third, gone),
        ("created", new, "New"),
    }


async def test_change_names_places_with_both_values(visitor: Visitor) -> None:
    control, tenant = visitor.service.control, visitor.tenant
    await visitor.read("filter")
    first = control.object_ids(tenant, FILTERS)[0]
    before = control.get_object(tenant, FILTERS, first)["description"]
    control.update_object(tenant, FILTERS, first, {"description": "by hand"})
    (change,) = (await visitor.read("filter")).changes
    assert change.differences is not None
    (difference,) = change.differences
    assert (difference.pointer, difference.kind) == ("/description", ChangeKind.CHANGED)
    assert (difference.before, difference.after) == (before, "by hand")


async def test_renamed_object_moves_its_file_and_keeps_its_digest(visitor: Visitor) -> None:
    control, tenant = visitor.service.control, visitor.tenant
    await visitor.read("filter")
    first = control.object_ids(tenant, FILTERS)[0]
    before = set(visitor.files())
    control.update_object(tenant, FILTERS, first, {"displayName": "Ünder a new name/x"})
    await visitor.read("filter")
    (old,), (new,) = before - set(visitor.files()), set(visitor.files()) - before
    assert new.startswith("assignment-filters/Ünder a new name_x__")
    assert old.rpartition("__")[2] == new.rpartition("__")[2]


async def test_volatile_properties_update_the_file_and_are_no_change(visitor: Visitor) -> None:
    control, tenant = visitor.service.control, visitor.tenant
    await visitor.read("filter")
    first = control.object_ids(tenant, FILTERS)[0]
    control.touch_object(tenant, FILTERS, first)
    report = await visitor.read("filter")
    assert report.changes == []
    assert visitor.documents("filter")[first] == control.get_object(tenant, FILTERS, first)


async def test_changed_secret_is_said_without_its_value(visitor: Visitor) -> None:
    control, tenant = visitor.service.control, visitor.tenant
    place = "/deviceManagement/deviceConfigurations"
    body = {
        "@odata.type": "#microsoft.graph.windowsWifiConfiguration",
        "displayName": "Wi-Fi",
        "preSharedKey": "first-secret",
    }
    new = control.insert_object(tenant, place, body)
    await visitor.read("deviceConfiguration")
    control.update_object(tenant, place, new, {"preSharedKey": "second-secret"})
    (change,) = (await visitor.read("deviceConfiguration")).changes
    assert change.differences is not None
    (difference,) = change.differences
    assert (difference.is_secret, difference.before, difference.after) == (True, None, None)
    assert "secret" not in (visitor.folder / "try.json").read_text().replace("is_secret", "")


async def test_groups_are_those_that_objects_refer_to(visitor: Visitor) -> None:
    control, tenant = visitor.service.control, visitor.tenant
    await visitor.read("compliancePolicy", "group")
    documents = visitor.documents("compliancePolicy").values()
    named = {
        assignment["target"]["groupId"]
        for document in documents
        for assignment in document["assignments"]
        if "groupId" in assignment["target"]
    }
    assert set(visitor.documents("group")) == named
    one = min(named)
    assert (
        visitor.documents("group")[one]["displayName"]
        == (control.get_object(tenant, "/groups", one)["displayName"])
    )


async def test_types_that_are_not_asked_for_stay_as_they_were(visitor: Visitor) -> None:
    await visitor.read("filter", "scopeTag", "compliancePolicy", "group")
    before = visitor.files()
    report = await visitor.read("filter", "group")
    assert report.changes == []
    assert visitor.files() == before


async def test_lost_key_compares_documents_and_finds_no_false_change(visitor: Visitor) -> None:
    control, tenant = visitor.service.control, visitor.tenant
    await visitor.read("filter", "deviceConfiguration")
    (visitor.folder / ".tenantops-try" / "key").unlink()
    first = control.object_ids(tenant, FILTERS)[0]
    control.update_object(tenant, FILTERS, first, {"displayName": "One"})
    assert found(await visitor.read("filter")) == {("updated", first, "One")}
    assert (await visitor.read("filter", "deviceConfiguration")).changes == []


async def test_file_that_somebody_altered_is_written_again(visitor: Visitor) -> None:
    await visitor.read("filter")
    before = visitor.files()
    one, two, *_ = sorted(before)
    (visitor.folder / one).write_text("{}")
    (visitor.folder / two).unlink()
    report = await visitor.read("filter")
    assert report.changes == []
    assert visitor.files() == before


async def test_changed_object_without_its_former_file_is_said_without_places(
    visitor: Visitor,
) -> None:
    control, tenant = visitor.service.control, visitor.tenant
    await visitor.read("filter")
    first = control.object_ids(tenant, FILTERS)[0]
    state = json.loads((visitor.folder / "try.json").read_text())
    (visitor.folder / state["types"]["filter"]["objects"][first]["files"][0]).write_text("{}")
    control.update_object(tenant, FILTERS, first, {"displayName": "One"})
    (change,) = (await visitor.read("filter")).changes
    assert (change.change, change.differences) == ("updated", None)


async def test_folder_of_another_tenant_is_refused_before_anything_is_read(
    visitor: Visitor,
) -> None:
    await visitor.read("filter")
    before = visitor.files()
    visitor.tenant = 0 if visitor.tenant else 1
    with pytest.raises(TrialFolderError, match="another tenant"):
        await visitor.read("filter")
    assert visitor.files() == before


async def test_refused_sign_in_leaves_the_folder_as_it_was(visitor: Visitor) -> None:
    await visitor.read("filter")
    before = visitor.files()
    control = visitor.service.control
    visitor.prompt = lambda prompt: control.deny_device_code(prompt.code, 53003)  # type: ignore[method-assign, assignment] # another person
    with pytest.raises(GraphCredentialRefusedError):
        await visitor.read("filter")
    assert visitor.files() == before


async def test_only_permissions_of_the_chosen_types_are_asked_for(visitor: Visitor) -> None:
    asked: list[str] = []
    control = visitor.service.control

    def prompt(prompt: Any) -> None:
        asked.extend(control.login.device_codes.scopes_of(prompt.code))
        control.approve_device_code(prompt.code, tenant=visitor.tenant)

    visitor.prompt = prompt  # type: ignore[method-assign] # looks closer
    await visitor.read("filter", "caPolicy")
    assert {scope.rpartition("/")[2] for scope in asked} == {
        "DeviceManagementConfiguration.Read.All",
        "Policy.Read.All",
        "openid",
        "profile",
        "offline_access",
    }


async def test_progress_ends_with_all_types_and_all_objects(visitor: Visitor) -> None:
    report = await visitor.read("filter", "scopeTag")
    objects = sum(of_type.result.captured for of_type in report.types)
    assert visitor.steps[-1] == (2, 2, objects)
    assert visitor.people[0].account is not None
