"""Workspaces, principals and tenants from the command line."""

import pytest

from tests.commands.conftest import ENTRA_ID
from tests.commands.terminal import Terminal


async def test_workspace_create_and_list_show_it_to_people_and_programs(terminal: Terminal) -> None:
    made = (await terminal.json("workspace", "create", "Fabrikam"))["workspace"]
    assert (await terminal.json("workspace", "list"))["workspaces"] == [made]
    assert "Fabrikam" in (await terminal("workspace", "list")).stdout


async def test_workspace_name_in_use_is_wrong_input(settled: Terminal) -> None:
    result = await settled("workspace", "create", "Fabrikam", code=2)
    assert result.stderr.strip() == (
        "Error: a workspace with this name exists already; choose another name"
    )
    assert result.stdout == ""


async def test_error_with_json_is_the_one_document(settled: Terminal) -> None:
    document = await settled.json("workspace", "create", " ", code=2)
    assert document["error"]["field"] == "name"
    assert document["error"]["exit_code"] == 2


async def test_only_workspace_is_taken_and_two_have_to_be_named(settled: Terminal) -> None:
    assert len((await settled.json("tenant", "list"))["tenants"]) == 1
    await settled("workspace", "create", "Litware")
    result = await settled("tenant", "list", code=2)
    assert "--workspace: there is more than one workspace; name one: Fabrikam" in result.stderr
    await settled("tenant", "list", "--workspace", "fabrikam")
    await settled("tenant", "list", TENANTOPS_WORKSPACE="Litware")


async def test_tenant_is_found_by_name_id_start_of_id_and_entra_id(settled: Terminal) -> None:
    tenant = (await settled.json("tenant", "show"))["tenant"]
    for wanted in ("Contoso", "contoso", tenant["id"], tenant["id"][:13], ENTRA_ID):
        assert (await settled.json("tenant", "show", wanted))["tenant"] == tenant


async def test_tenant_unknown_is_wrong_input_and_says_which_there_are(settled: Terminal) -> None:
    result = await settled("tenant", "show", "Nobody", code=2)
    assert "TENANT: names no tenant; choose from Contoso" in result.stderr


async def test_tenant_archive_and_activate_show_the_lifecycle(settled: Terminal) -> None:
    archived = await settled.json("tenant", "archive", "Contoso")
    assert archived["tenant"]["lifecycle"] == "archived"
    active = await settled.json("tenant", "activate", "Contoso")
    assert active["tenant"]["lifecycle"] == "active"


async def test_principal_list_names_the_role_whose_bundle_it_holds(settled: Terminal) -> None:
    assert "everything of the role owner" in (await settled("principal", "list")).stdout


async def test_principal_gets_single_capabilities(settled: Terminal) -> None:
    added = await settled.json("principal", "add", "viewer", "--capability", "tenant.policies.view")
    assert added["principal"]["capabilities"] == ["tenant.policies.view"]


async def test_principal_without_anything_is_wrong_input(settled: Terminal) -> None:
    result = await settled("principal", "add", "nothing", code=2)
    assert "--role: nothing is granted; give --role or --capability" in result.stderr


async def test_principal_disabled_may_not_act_until_enabled(settled: Terminal) -> None:
    assert (await settled.json("principal", "disable", "ops"))["principal"]["is_active"] is False
    change = ("tenant", "archive", "Contoso", "--principal", "ops")
    refused = await settled.json(*change, code=1)
    assert refused["error"]["reason_code"] == "initiator_not_entitled"
    await settled("principal", "enable", "ops")
    await settled(*change)


@pytest.mark.parametrize("role", ["operator", "readonly"])
async def test_principal_without_the_capability_is_refused(settled: Terminal, role: str) -> None:
    await settled("principal", "add", "less", "--role", role)
    refused = await settled.json("tenant", "archive", "Contoso", "--principal", "less", code=1)
    assert refused["error"]["reason_code"] == "missing_capability"
    # Alone among those that may, the owner is taken.
    await settled("tenant", "archive", "Contoso")


async def test_principal_from_the_settings_acts_unless_another_is_named(settled: Terminal) -> None:
    await settled("principal", "add", "less", "--role", "readonly")
    await settled("tenant", "archive", "Contoso", code=1, TENANTOPS_PRINCIPAL="less")
    named = ("--principal", "ops")
    await settled("tenant", "archive", "Contoso", *named, TENANTOPS_PRINCIPAL="less")
