"""Who may read and write what, and how a refusal looks (api.md a.2, d.4)."""

import json
from pathlib import Path

import pytest

from devstack.graph_service import GraphService
from devstack.graph_service.catalog import CATALOG
from devstack.graph_service.permissions import READ_PERMISSIONS
from tests.devstack.graph_service.conftest import ClientFactory

SHARED = Path(__file__).parents[4] / "shared" / "graph" / "data" / "permissions"
SCRIPTS = "DeviceManagementScripts.Read.All"


@pytest.mark.parametrize("key", sorted(CATALOG.by_key))
async def test_collection_is_refused_without_any_permission(
    graph: GraphService, connect: ClientFactory, key: str
) -> None:
    collection = CATALOG.get(key)
    if "Organization.Read.All" in collection.read:
        pytest.skip("the limited app may read this one")
    async with connect(graph, app="limited") as client:
        reply = await client.get(f"/beta/{collection.path}")

    assert reply.status == 403


async def test_directory_refusal_names_no_scopes(
    graph: GraphService, connect: ClientFactory
) -> None:
    async with connect(graph, app="limited") as client:
        reply = await client.get("/v1.0/groups")

    assert reply.error["code"] == "Authorization_RequestDenied"
    assert reply.error["message"] == "Insufficient privileges to complete the operation."


@pytest.mark.parametrize("style", ["intune", "intune_double", "intune_plain"])
async def test_intune_refusal_lists_the_scopes_in_each_style(
    fresh: GraphService, connect: ClientFactory, style: str
) -> None:
    fresh.control.set_error_style(0, style)
    async with connect(fresh, app="limited") as client:
        error = (await client.get("/beta/deviceManagement/intents")).error

    message = error["message"]
    if style == "intune_double":
        assert error["code"] == "UnknownError"
        message = json.loads(message)["Message"]
    if style != "intune_plain":
        message = json.loads(message)["Message"]
    assert "following scopes: DeviceManagementConfiguration.Read.All, Dev" in message
    assert " - Operation ID" in message


@pytest.mark.parametrize(
    "kind",
    [
        "deviceManagementScripts",
        "deviceShellScripts",
        "deviceHealthScripts",
        "deviceComplianceScripts",
        "deviceCustomAttributeShellScripts",
    ],
)
async def test_scripts_need_their_own_permission(
    fresh: GraphService, connect: ClientFactory, kind: str
) -> None:
    fresh.control.revoke_permission(0, "read", SCRIPTS)
    async with connect(fresh, app="read") as client:
        scripts = await client.get(f"/beta/deviceManagement/{kind}")
        policies = await client.get("/beta/deviceManagement/configurationPolicies")

    assert (scripts.status, policies.status) == (403, 200)


async def test_plain_text_of_encrypted_values_needs_the_write_permission(
    graph: GraphService, connect: ClientFactory
) -> None:
    async with connect(graph, app="write") as writer, connect(graph, app="read") as reader:
        rows = (await reader.get("/beta/deviceManagement/deviceConfigurations")).rows
        row = next(r for r in rows if r.get("omaSettings"))
        encrypted = next(s for s in row["omaSettings"] if s["isEncrypted"])
        reference = encrypted["secretReferenceValueId"]
        path = (
            f"/beta/deviceManagement/deviceConfigurations/{row['id']}"
            f"/getOmaSettingPlainTextValue(secretReferenceValueId='{reference}')"
        )
        refused, granted = await reader.get(path), await writer.get(path)

    assert encrypted["value"] == "****"
    assert (refused.status, granted.status) == (403, 200)
    assert granted.json["value"].startswith("P@ss-")


async def test_consent_works_with_the_next_token_only(
    fresh: GraphService, connect: ClientFactory
) -> None:
    async with connect(fresh, app="limited") as client:
        fresh.control.grant_permission(0, "limited", "Group.Read.All")
        before = await client.get("/v1.0/groups")
        client.renew_token()
        after = await client.get("/v1.0/groups")

    assert (before.status, after.status) == (403, 200)


async def test_read_app_may_not_write(graph: GraphService, connect: ClientFactory) -> None:
    body = {"displayName": "x", "platform": "iOS", "rule": '(device.model -eq "x")'}
    async with connect(graph, app="read") as client:
        reply = await client.send("POST", "/beta/deviceManagement/assignmentFilters", body)

    assert reply.status == 403


def test_read_set_covers_every_collection() -> None:
    uncovered = [
        c.key for c in CATALOG.by_key.values() if not READ_PERMISSIONS.intersection(c.read)
    ]

    # Users are read by no backup; they exist for members and look-ups.
    assert uncovered == ["users"]


@pytest.mark.skipif(not SHARED.exists(), reason="the shared permission map is not here")
def test_permissions_agree_with_the_published_map() -> None:
    published = json.loads((SHARED / "application-permissions-by-path.json").read_text())
    wrong = {}
    for collection in CATALOG.by_key.values():
        row = published.get(f"/{collection.path.lower()}", {}).get("GET")
        # The map has not caught up with the scripts split everywhere (api.md a.2).
        if (
            row
            and not set(collection.read) & set(row["application"])
            and SCRIPTS not in (collection.read)
        ):
            wrong[collection.key] = row["application"]

    assert wrong == {}
