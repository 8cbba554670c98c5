"""`backup changes`, `history` and `diff` as people call them, on a running product."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import jsonpatch
import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, Profile
from devstack.postgres import EmbeddedPostgres
from domain.canonical_rules import rules_of
from domain.patches import canonical_document
from domain.resource_types.registry import RESOURCE_TYPES
from tests.commands.running import product_of_module
from tests.commands.terminal import Terminal
from tests.end_to_end.product import Product

TYPES = ("--types", "filter,powershellScript,deviceConfiguration")
FILTERS, SCRIPTS = "assignmentFilters", "deviceManagementScripts"
CONFIGURATIONS = "deviceConfigurations"
EVE = "eve@contoso.com"
CONFIG = GraphConfig(
    profile=Profile.NONE, tenants=1, budget_scale=0, counts={FILTERS: 8, SCRIPTS: 2}
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(
    postgres_server: EmbeddedPostgres,
    migrated_template: str,
    maintenance_connection: asyncpg.Connection,
    temporal_address: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Product]:
    """Like the product of other modules, with few objects."""
    async with product_of_module(
        postgres_server,
        maintenance_connection,
        migrated_template,
        temporal_address,
        tmp_path_factory.mktemp("keys"),
        CONFIG,
    ) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def story(product: Product) -> dict[str, Any]:
    """Two backups; in between things were changed, added, deleted and reverted."""
    control = product.graph.control
    changed, deleted, reverted, wobbly = control.object_ids(0, FILTERS)[:4]
    script = control.object_ids(0, SCRIPTS)[0]
    before = {key: control.get_object(0, FILTERS, key) for key in (changed, deleted, reverted)}
    before[script] = control.get_object(0, SCRIPTS, script)
    types = ("filter", "powershellScript", "deviceConfiguration")
    first = await product.backup(*types)
    text = base64.b64encode(b"Write-Host 'one'\nWrite-Host 'changed'\n").decode()
    control.update_object(0, FILTERS, changed, {"rule": "(a -eq 1)"}, actor=EVE)
    control.delete_object(0, FILTERS, deleted, actor="bob@contoso.com")
    control.update_object(0, FILTERS, reverted, {"rule": "(b -eq 2)"}, actor=EVE)
    control.update_object(0, FILTERS, reverted, {"rule": before[reverted]["rule"]}, actor=EVE)
    control.update_object(0, SCRIPTS, script, {"scriptContent": text})
    added = control.insert_object(0, FILTERS, actor=EVE)
    second = await product.backup(*types)
    sets = {
        name: str((await product.services.runs.find(run.id)).context["backup_set_id"])  # type: ignore[union-attr] # it ran
        for name, run in (("first", first), ("second", second))
    }
    return {
        **sets,
        "changed": changed,
        "deleted": deleted,
        "reverted": reverted,
        "script": script,
        "added": added,
        "wobbly": wobbly,
        "documents": before,
    }


def objects_of(document: dict[str, Any], resource_type: str) -> dict[str, dict[str, Any]]:
    [found] = [row for row in document["types"] if row["resource_type"] == resource_type]
    return {row["object_id"]: row for row in found["objects"]}


async def test_changes_of_a_backup_say_who_and_what_was_reverted(
    office: Terminal, story: dict[str, Any]
) -> None:
    shown = await office.json("backup", "changes", story["second"])

    by_id = {row["object_id"]: row for row in shown["changes"]}
    [event] = by_id[story["deleted"]]["changed_by"]["events"]
    assert (event["actor"]["name"], event["operation"]) == ("bob@contoso.com", "delete")
    assert by_id[story["added"]]["changed_by"]["events"][0]["operation"] == "create"
    assert [row["object_id"] for row in shown["reverted"]] == [story["reverted"]]
    assert shown["event_gaps"] == {}
    text = (await office("backup", "changes", story["second"])).stdout
    assert "bob@contoso.com (delete," in text
    assert "changed and reverted" in text


async def test_diff_names_what_was_added_removed_and_changed(
    office: Terminal, story: dict[str, Any]
) -> None:
    shown = await office.json("backup", "diff", story["second"], story["first"])

    filters = objects_of(shown, "filter")
    changes = {key: row["change"] for key, row in filters.items()}
    assert changes == {
        story["changed"]: "changed",
        story["deleted"]: "removed",
        story["added"]: "added",
    }
    [difference] = filters[story["changed"]]["differences"]
    assert (difference["pointer"], difference["after"]) == ("/rule", "(a -eq 1)")
    assert filters[story["changed"]]["changed_by"]["events"][0]["actor"]["name"] == EVE
    assert [row["object_id"] for row in shown["reverted"]] == [story["reverted"]]


async def test_diff_shows_scripts_line_by_line(office: Terminal, story: dict[str, Any]) -> None:
    shown = (await office("backup", "diff", story["first"], story["second"])).stdout

    assert "      +Write-Host 'changed'" in shown
    assert story["documents"][story["script"]]["scriptContent"] not in shown
    assert "1 added, 2 changed, 1 removed." in shown


async def test_patch_leads_from_the_older_canonical_document_to_the_newer(
    office: Terminal, product: Product, story: dict[str, Any]
) -> None:
    shown = await office.json("backup", "diff", story["second"], "--patch")

    patches = {row["object_id"]: row["patch"] for row in shown["objects"]}
    rules = rules_of(RESOURCE_TYPES["filter"])
    newer = product.graph.control.get_object(0, FILTERS, story["changed"])
    older = canonical_document(story["documents"][story["changed"]], rules)
    patched = jsonpatch.apply_patch(older, patches[story["changed"]])
    assert patched == canonical_document(newer, rules)


async def test_patch_applies_to_what_show_prints(office: Terminal, story: dict[str, Any]) -> None:
    place = ("--type", "powershellScript", "--object", story["script"], "--canonical")
    older, newer = [
        await office.json("backup", "show", story[name], *place) for name in ("first", "second")
    ]
    shown = await office.json("backup", "diff", story["second"], "--patch")
    [patch] = [row["patch"] for row in shown["objects"] if row["object_id"] == story["script"]]
    assert older != newer
    assert jsonpatch.apply_patch(older, patch) == newer


async def test_diff_of_some_types_says_nothing_of_others(
    office: Terminal, story: dict[str, Any]
) -> None:
    shown = await office.json("backup", "diff", story["second"], "--types", "powershellScript")
    assert [row["resource_type"] for row in shown["types"]] == ["powershellScript"]
    assert shown["reverted"] == []


async def test_history_tells_versions_sets_and_actors(
    office: Terminal, story: dict[str, Any]
) -> None:
    name = story["documents"][story["deleted"]]["displayName"]
    gone = await office.json("backup", "history", "filter", story["deleted"])
    named = await office.json("backup", "history", "FILTER", story["changed"], "--details")

    assert (gone["name"], gone["is_deleted"]) == (name, True)
    assert [row["change"] for row in gone["versions"]] == ["created", "deleted"]
    assert gone["versions"][0]["last_set"]["id"] == story["first"]
    assert gone["versions"][1]["changed_by"]["events"][0]["actor"]["name"] == "bob@contoso.com"
    assert gone["versions"][0]["changed_by"]["unknown_because"] == "first_backup"
    assert named["versions"][1]["changed_properties"] == 1
    assert named["versions"][1]["differences"][0]["pointer"] == "/rule"
    text = (await office("backup", "history", "filter", name)).stdout
    assert "deleted" in text
    assert "not known: there is no backup before it" in text


@pytest.mark.long
async def test_history_of_a_name_that_several_have_names_them(
    office: Terminal, product: Product, story: dict[str, Any]
) -> None:
    control = product.graph.control
    name = control.get_object(0, FILTERS, story["wobbly"])["displayName"]
    twin = control.insert_object(0, FILTERS, {"displayName": name, "rule": "x"})
    await product.backup("filter")

    refused = await office.json("backup", "history", "filter", name, code=2)

    assert refused["error"]["field"] == "OBJECT"
    assert twin in refused["error"]["message"]
    assert story["wobbly"] in refused["error"]["message"]


async def test_diff_of_two_objects_shows_what_differs(
    office: Terminal, story: dict[str, Any]
) -> None:
    pair = ("--object", story["reverted"], "--object", story["wobbly"])
    shown = await office.json("backup", "diff", "--type", "filter", *pair)
    same = await office.json(
        "backup", "diff", story["first"], story["second"], "--type", "filter", *pair[:2]
    )

    assert {row["pointer"] for row in shown["differences"]} >= {"/displayName"}
    assert shown["before_object_id"] == story["reverted"]
    assert same["differences"] == []


@pytest.mark.long
async def test_diff_with_the_live_tenant_sees_what_changed_since(
    office: Terminal, product: Product, story: dict[str, Any]
) -> None:
    control = product.graph.control
    run = await product.backup("filter", "powershellScript")
    equal = await office("backup", "diff", "latest", "--live", "--exit-code", code=0)
    assert "Nothing differs." in equal.stdout
    gone, changed = control.object_ids(0, FILTERS)[4:6]
    control.delete_object(0, FILTERS, gone)
    control.update_object(0, FILTERS, changed, {"rule": "(live -eq 1)"})
    added = control.insert_object(0, FILTERS)

    shown = await office.json("backup", "diff", "latest", "--live", "--exit-code", code=1)

    changes = {key: row["change"] for key, row in objects_of(shown, "filter").items()}
    assert changes == {gone: "removed", changed: "changed", added: "added"}
    assert objects_of(shown, "powershellScript") == {}
    assert run.outcome == "succeeded"


async def test_live_diff_of_a_refused_type_is_no_deletion(
    office: Terminal, product: Product, story: dict[str, Any]
) -> None:
    fault = product.graph.control.add_fault(
        kind="status", path="/deviceManagement/assignmentFilters", status=403
    )
    shown = await office.json("backup", "diff", story["second"], "--live", "--types", "filter")
    text = (await office("backup", "diff", story["second"], "--live", "--types", "filter")).stdout
    product.graph.control.remove_fault(fault)

    [found] = shown["types"]
    assert (found["objects"], found["is_comparable"]) == ([], False)
    assert found["reason_code"] == "provider_feature_unavailable"
    assert "not read (feature not available in the tenant)" in text


@pytest.mark.long
async def test_live_diff_of_a_listing_that_lacks_objects_is_uncertain(
    office: Terminal, product: Product
) -> None:
    await product.backup("filter")
    fault = product.graph.control.add_fault(
        kind="empty_list", path="/deviceManagement/assignmentFilters"
    )
    shown = await office.json("backup", "diff", "latest", "--live")
    product.graph.control.remove_fault(fault)

    assert {row["change"] for row in objects_of(shown, "filter").values()} == {"uncertain"}


@pytest.mark.long
async def test_secret_that_changed_is_shown_without_value(
    office: Terminal, product: Product
) -> None:
    control = product.graph.control
    object_id = control.insert_object(
        0,
        CONFIGURATIONS,
        {
            "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
            "displayName": "With a key",
            "omaSettings": [
                {
                    "@odata.type": "#microsoft.graph.omaSettingString",
                    "displayName": "x",
                    "omaUri": "./x",
                    "password": "old-S3cret",
                }
            ],
        },
    )
    await product.backup("deviceConfiguration")
    control.update_object(0, CONFIGURATIONS, object_id, {"omaSettings.0.password": "new-S3cret"})
    await product.backup("deviceConfiguration")

    shown = (await office("backup", "diff", "latest")).stdout
    patch = (await office("backup", "diff", "latest", "--patch")).stdout
    found = objects_of(await office.json("backup", "diff", "latest"), "deviceConfiguration")

    assert "~ /omaSettings/0/password  (secret)" in shown
    assert found[object_id]["secret_changes"] == ["/omaSettings/0/password"]
    assert '"@secret": "[secret]"' in patch
    assert not any("S3cret" in text for text in (shown, patch, str(found)))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("--type", "filter"), "--object"),
        (("--object", "x"), "--type"),
        (("--type", "none", "--object", "x", "--object", "y"), "--type"),
        (("a", "b", "c"), "SET"),
        (("a", "b", "--live"), "SET"),
        (("--type", "filter", "--object", "x"), "SET"),
        (("--type", "filter", "--object", "no such", "--object", "y"), "--object"),
    ],
)
async def test_wrong_combination_names_the_field(
    office: Terminal, arguments: tuple[str, ...], field: str
) -> None:
    refused = await office.json("backup", "diff", *arguments, code=2)
    assert refused["error"]["field"] == field
