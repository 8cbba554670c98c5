"""Keys from the command line: which root key wraps what, rotations, and a key that is lost."""

from pathlib import Path

import pytest_asyncio

from devstack.key_vault import running_key_vault
from services.contents.root_keys import generate_root_key, read_root_key
from tests.commands.conftest import ENTRA_ID
from tests.commands.terminal import Terminal

GIVEN = ("--app-id", "0192f1a0-0000-7000-8000-00000000000c", "--secret-env", "MINE")


@pytest_asyncio.fixture(loop_scope="session")
async def keyed(settled: Terminal) -> Terminal:
    """A terminal with a tenant that has a connection, hence a key."""
    await settled("connection", "add", "Contoso", *GIVEN, MINE="a-secret-value")
    return settled


def key_id(text: str) -> str:
    return read_root_key(text, None).key_id


async def test_status_shows_what_the_root_key_wraps(keyed: Terminal) -> None:
    (use,) = (await keyed.json("keys", "status"))["root_keys"]
    assert use["root_key_id"] == key_id(keyed.variables["TENANTOPS_ROOT_KEY"])
    assert (use["is_current"], use["setting"]) == (True, "TENANTOPS_ROOT_KEY")
    assert (use["tenants"], use["tenant_keys"], use["credentials"]) == (1, 1, 1)
    shown = (await keyed("keys", "status")).stdout
    assert use["root_key_id"] in shown
    assert "current" in shown


async def test_status_without_any_key_shows_the_root_key_at_hand(terminal: Terminal) -> None:
    (use,) = (await terminal.json("keys", "status"))["root_keys"]
    assert (use["is_current"], use["tenant_keys"]) == (True, 0)


async def test_root_key_is_rotated_and_the_old_one_can_go(keyed: Terminal) -> None:
    old, new = keyed.variables["TENANTOPS_ROOT_KEY"], generate_root_key()
    keyed.variables |= {"TENANTOPS_ROOT_KEY": new, "TENANTOPS_ROOT_KEY_PREVIOUS": old}
    document = await keyed.json("keys", "rotate-root")
    assert document["is_complete"]
    assert document["rotation"]["tenant_keys"] == 1
    del keyed.variables["TENANTOPS_ROOT_KEY_PREVIOUS"]
    (use,) = (await keyed.json("keys", "status"))["root_keys"]
    assert (use["root_key_id"], use["credentials"]) == (key_id(new), 1)
    assert "Wrapped 0 tenant keys" in (await keyed("keys", "rotate-root")).stdout
    assert new not in "".join(keyed.shown)
    assert old not in "".join(keyed.shown)


async def test_rotation_that_leaves_keys_behind_is_not_done(keyed: Terminal) -> None:
    lost = keyed.variables["TENANTOPS_ROOT_KEY"]
    keyed.variables["TENANTOPS_ROOT_KEY"] = generate_root_key()
    result = await keyed("keys", "rotate-root", code=1)
    assert "TENANTOPS_ROOT_KEY_PREVIOUS" in result.stderr
    assert key_id(lost) in result.stdout
    assert "lost" in result.stdout


async def test_tenant_key_is_rotated_and_the_table_says_what_was_sealed(keyed: Terminal) -> None:
    document = (await keyed.json("keys", "rotate-tenant", "Contoso"))["rotation"]
    assert document["is_complete"]
    assert document["resealed"]["credentials"] == document["destroyed_keys"] == 1
    (use,) = (await keyed.json("keys", "status"))["root_keys"]
    assert (use["tenant_keys"], use["retired_keys"], use["destroyed_keys"]) == (1, 0, 1)
    assert "credentials" in (await keyed("keys", "rotate-tenant", "Contoso")).stdout


async def test_tenant_is_erased_only_on_demand(keyed: Terminal) -> None:
    refused = await keyed("keys", "destroy-tenant", "Contoso", code=2)
    assert "--yes" in refused.stderr
    erased = await keyed("keys", "destroy-tenant", "Contoso", "--yes")
    assert "Destroyed 1 key of Contoso." in erased.stdout
    (connection,) = (await keyed.json("connection", "list"))["connections"]
    assert not connection["has_credential"]


async def test_lost_root_key_is_given_up_and_the_tenant_begins_anew(keyed: Terminal) -> None:
    lost = key_id(keyed.variables["TENANTOPS_ROOT_KEY"])
    at_hand = await keyed("keys", "give-up", lost, "--yes", code=2)
    assert "no root key is lost" in at_hand.stderr
    keyed.variables["TENANTOPS_ROOT_KEY"] = generate_root_key()
    # Nothing new is wrapped by a root key that the database does not know.
    await keyed("tenant", "add", "Litware", ENTRA_ID.replace("6f", "7a"))
    add = ("connection", "add", "Litware", *GIVEN)
    refused = await keyed(*add, code=1, MINE="a-secret-value")
    assert lost in refused.stderr
    await keyed("keys", "give-up", lost, "--yes")
    await keyed(*add, MINE="a-secret-value")
    uses = (await keyed.json("keys", "status"))["root_keys"]
    assert [use["tenant_keys"] for use in uses] == [1, 0]


async def test_root_key_of_a_vault_works_for_commands_and_says_when_it_does_not(
    keyed: Terminal, tmp_path: Path
) -> None:
    async with running_key_vault(tmp_path / "vault") as vault:
        vault.add_version("root")
        old = keyed.variables.pop("TENANTOPS_ROOT_KEY")
        keyed.variables |= {
            "TENANTOPS_ROOT_KEY_VAULT": vault.identifier("root"),
            "TENANTOPS_ROOT_KEY_PREVIOUS": old,
            "TENANTOPS_CA_BUNDLE": str(vault.ca_file),
            **vault.client_environment,
        }
        await keyed("keys", "rotate-root")
        del keyed.variables["TENANTOPS_ROOT_KEY_PREVIOUS"]
        (use,) = (await keyed.json("keys", "status"))["root_keys"]
        assert use["root_key_id"] == vault.identifier("root", vault.keys["root"][0])
        assert use["setting"] == "TENANTOPS_ROOT_KEY_VAULT"
        await keyed("connection", "credential", "read", "--secret-env", "MINE", MINE="another-one")
        vault.keys["root"][0].is_enabled = False
        checks = (await keyed.json("doctor", code=1))["checks"]
        (finding,) = [check for check in checks if check["check"] == "root key"]
        assert (finding["state"], finding["mend"]) == (
            "failed",
            "enable that version (TENANTOPS_ROOT_KEY_VAULT)",
        )
    assert vault.client_secret not in "".join(keyed.shown)
