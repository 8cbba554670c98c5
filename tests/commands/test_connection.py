"""Connections from the command line: where credentials come from, and that they never come out."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.commands.terminal import Terminal
from tests.end_to_end.product import Product

SECRET = "Xy8Q~planted-Client.Secret_0123456789"
APP_ID = "0f8b2c1e-5f0e-4a53-9b1e-1f2a3b4c5d6e"
ADD = ("connection", "add", "Contoso", "--app-id", APP_ID)


async def test_add_from_a_variable_is_the_default_and_hides_the_secret(settled: Terminal) -> None:
    added = await settled.json(*ADD, "--secret-env", "MINE", MINE=SECRET)
    connection = added["connection"]
    assert (connection["is_default"], connection["purpose"]) == (True, "read")
    assert (connection["cloud"], connection["has_credential"]) == ("global", True)
    assert (await settled.json("connection", "list"))["connections"] == [connection]
    await settled("connection", "list", "Contoso")
    assert SECRET not in "".join(settled.shown)


async def test_add_from_a_file_takes_the_text_without_its_newline(
    settled: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "secret.txt"
    file.write_text(f"{SECRET}\n")
    added = await settled.json(*ADD, "--secret-file", str(file), "--purpose", "write")
    assert added["connection"]["name"] == "write"
    assert SECRET not in "".join(settled.shown)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--secret-file: there is nobody to ask for the secret"),
        (("--secret-env", SECRET), "--secret-env: names a variable that is not set"),
        (("--secret-file", "/no/such/file"), "--secret-file: cannot be read (filenotfound)"),
        (("--certificate", "/no/such/file"), "--certificate: cannot be read (filenotfound)"),
        (("--secret-env", "HOME", "--managed-identity"), "--managed-identity: contradicts"),
        (("--password-env", "HOME"), "--password-env: has no --certificate"),
        (("--managed-identity", "--cloud", "mars"), "--cloud: is not known; give one of global"),
    ],
)
async def test_add_wrong_source_is_named_and_not_repeated(
    settled: Terminal, options: tuple[str, ...], said: str
) -> None:
    result = await settled(*ADD, *options, code=2)
    assert said in result.stderr
    assert SECRET not in result.output


async def test_add_file_that_is_no_certificate_is_named(settled: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "app.pfx"
    file.write_text(SECRET)
    refused = await settled.json(*ADD, "--certificate", str(file), code=2)
    assert refused["error"]["field"] == "credential"
    assert SECRET not in "".join(settled.shown)


async def test_add_without_root_key_says_what_to_set(settled: Terminal) -> None:
    result = await settled(*ADD, "--managed-identity", code=1, TENANTOPS_ROOT_KEY="")
    assert "TENANTOPS_ROOT_KEY" in result.stderr


async def test_default_disable_and_enable_change_what_is_used(settled: Terminal) -> None:
    await settled(*ADD, "--managed-identity", "--name", "first")
    other = ("--app-id", "6d1f7a52-8c4b-4f0e-8a55-0a1b2c3d4e5f", "--token-file", "token")
    await settled("connection", "add", "Contoso", *other, "--name", "second")
    assert (await settled.json("connection", "default", "second"))["connection"]["is_default"]
    disabled = (await settled.json("connection", "disable", "second"))["connection"]
    assert (disabled["is_default"], disabled["disabled_at"] is None) == (False, False)
    refused = await settled.json("connection", "default", "second", code=2)
    assert refused["error"]["field"] == "connection"
    assert (await settled.json("connection", "enable", "second"))["connection"]["disabled_at"] is (
        None
    )


async def test_credential_is_replaced(settled: Terminal) -> None:
    await settled(*ADD, "--secret-env", "MINE", MINE=SECRET)
    changed = await settled.json("connection", "credential", "read", "--managed-identity")
    assert changed["connection"]["credential_kind"] == "managed_identity"


@pytest.mark.long
async def test_secret_is_asked_for_on_a_terminal_without_echo(settled: Terminal) -> None:
    master, slave = os.openpty()
    with settled.process(*ADD, stdin=slave, stderr=slave) as process:
        os.close(slave)
        seen = await asyncio.to_thread(_read_until, master, "Client secret: ")
        os.write(master, f"{SECRET}\n".encode())
        output, _ = await asyncio.to_thread(process.communicate)
        seen += await asyncio.to_thread(_read_until, master, None)
    os.close(master)
    assert process.returncode == 0, seen
    assert "Added connection read" in output
    assert SECRET not in output + seen
    (listed,) = (await settled.json("connection", "list"))["connections"]
    assert listed["has_credential"] is True


def _read_until(terminal: int, end: str | None) -> str:
    """Read a terminal up to a text; None is until nobody writes any more."""
    seen = ""
    while end is None or not seen.endswith(end):
        try:
            read = os.read(terminal, 4096)
        except OSError:  # the other side is closed
            break
        seen += read.decode()
    return seen


async def test_test_of_a_whole_connection_reads_and_lists_permissions(
    product: Product, office: Terminal
) -> None:
    checked: dict[str, Any] = await office.json("connection", "test", "read")
    assert (checked["verification_status"], checked["missing"]) == ("healthy", [])
    assert checked["read_type"] is not None
    (listed,) = (await office.json("connection", "list"))["connections"]
    assert listed["verification_status"] == "healthy"
    assert listed["consent_status"] == "granted"
    assert product.graph.tenants[0].read_app.secret not in "".join(office.shown)


async def test_test_of_a_limited_app_names_what_is_missing_for_what(
    product: Product, office: Terminal
) -> None:
    app = product.graph.tenants[0].apps["limited"]
    add = ("connection", "add", "Tenant 0", "--name", "limited", "--app-id", app.client_id)
    await office(*add, "--secret-env", "MINE", MINE=app.secret)
    degraded = await office.json("connection", "test", "limited")
    assert (degraded["verification_status"], degraded["read_type"]) == ("degraded", "organization")
    assert "Agreement.Read.All" not in degraded["missing"]
    product.graph.control.set_permissions(0, "limited", [])
    checked = await office.json("connection", "test", "limited", code=1)
    product.graph.control.set_permissions(0, "limited", ["Organization.Read.All"])
    assert checked["verification_status"] == "blocked"
    assert checked["reason_code"] == "provider_permission_denied"
    assert "Policy.Read.All" in checked["missing"]
    shown = (await office("connection", "test", "limited")).stdout
    assert "caPolicy, namedLocation" in shown


async def test_test_of_a_refused_secret_is_tried_again_each_time(
    product: Product, office: Terminal
) -> None:
    app = product.graph.tenants[0].write_app
    add = ("connection", "add", "Tenant 0", "--purpose", "write", "--app-id", app.client_id)
    await office(*add, "--secret-env", "MINE", MINE=SECRET)
    checked = await office.json("connection", "test", "write", code=1)
    assert checked["reason_code"] == "provider_credential_invalid"
    replaced = ("connection", "credential", "write", "--secret-env", "MINE")
    await office(*replaced, MINE=app.secret)
    assert (await office.json("connection", "test", "write"))["verification_status"] in (
        "healthy",
        "degraded",
    )
    assert SECRET not in "".join(office.shown)
