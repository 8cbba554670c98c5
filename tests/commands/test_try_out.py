"""`tenantops try` as people call it: a folder, a code, and no database anywhere."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from rich.console import Console

from commands.views.trial_views import prompt_panel
from devstack.graph_service import GraphConfig, GraphService, running_graph
from graph.device_sign_in import SignInPrompt
from tests.commands.terminal import Terminal
from tests.eventually import eventually
from tests.graph.clocks import START

FILTERS = "/deviceManagement/assignmentFilters"
NUMBERS = count()
REFUSED = "User is not authorized to perform this operation"
# Port 9 is where nothing answers.
NO_DATABASE = "postgresql://nobody:unreachable-password@127.0.0.1:9/none"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service() -> AsyncIterator[GraphService]:
    """A local Graph of many small tenants."""
    async with running_graph(GraphConfig(tenants=40, budget_scale=0)) as running:
        yield running


class Visit:
    """One person, one tenant, one folder; `decide` is what the person does with a code."""

    def __init__(self, shell: Terminal, service: GraphService, folder: Path) -> None:
        self.shell, self.control, self.folder = shell, service.control, folder
        self.tenant = next(NUMBERS)
        self.decide: Callable[[str], Any] = self.approve

    def approve(self, code: str) -> None:
        """Sign in and consent."""
        self.control.approve_device_code(code, tenant=self.tenant)

    @asynccontextmanager
    async def present(self) -> AsyncIterator[None]:
        """Decide about every code that is shown, as long as the block lasts."""

        async def answer() -> None:
            while True:
                for code in self.control.pending_device_codes():
                    self.decide(code)
                await asyncio.sleep(0.02)

        task = asyncio.create_task(answer())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def __call__(self, *arguments: str, code: int = 0) -> str:
        """Call with these options and return everything that was shown."""
        async with self.present():
            result = await self.shell("try", str(self.folder), *arguments, code=code)
        return result.output

    async def json(self, *arguments: str, code: int = 0) -> Any:
        """Call with `--json` and return the one document."""
        async with self.present():
            return await self.shell.json("try", str(self.folder), *arguments, code=code)


@pytest.fixture
def visit(service: GraphService, tmp_path: Path) -> Iterator[Visit]:
    """A visit to a tenant that no other test touches, in a shell without a usable database."""
    service.control.set_device_codes(interval_s=0.05, lifetime_s=900)
    variables = {
        "DATABASE_URL": NO_DATABASE,
        "TENANTOPS_GRAPH_ROOT": service.root_url,
        "TENANTOPS_AUTHORITY_HOST": service.root_url,
        "TENANTOPS_CA_BUNDLE": str(service.ca_file),
        "TENANTOPS_GRAPH_BUDGET_SCALE": "1000",
        "TENANTOPS_DEVSTACK_DIR": str(tmp_path / "no-stack"),
    }
    yield Visit(Terminal(variables), service, tmp_path / "trial")
    service.control.clear_faults()
    service.control.set_latency_ms(0)


async def test_first_call_shows_the_code_who_signed_in_and_each_type(visit: Visit) -> None:
    shown = await visit("--types", "filter,scopeTag")
    assert "Open https://microsoft.com/devicelogin and enter the code " in shown
    assert "Signed in as admin@" in shown
    assert "Call again to see what changed meanwhile." in shown
    assert [line.split()[:3] for line in shown.splitlines() if line.startswith(" filter")] == [
        ["filter", "24", "complete"]
    ]
    assert "nobody has to sign in" in shown


async def test_second_call_shows_what_changed_with_both_values(visit: Visit) -> None:
    await visit("--types", "filter")
    assert "Nothing changed since the last call." in await visit("--types", "filter")
    first = visit.control.object_ids(visit.tenant, FILTERS)[0]
    visit.control.update_object(visit.tenant, FILTERS, first, {"description": "by hand"})
    shown = await visit("--types", "filter")
    assert "1 change since the last call:" in shown
    assert "~ /description" in shown
    assert '→ "by hand"' in shown


async def test_json_is_one_document_without_the_account(visit: Visit) -> None:
    document = await visit.json("--types", "filter")
    assert (document["is_first"], document["is_whole"], document["changes"]) == (True, True, [])
    counts = {of_type["resource_type"]: of_type["objects"] for of_type in document["types"]}
    assert counts["filter"] == 24
    assert "admin@" not in json.dumps(document)


async def test_type_that_is_refused_fails_the_call_by_name(visit: Visit) -> None:
    visit.control.add_fault(path=FILTERS, kind="status", status=403, code="Forbidden")
    shown = await visit("--types", "filter,scopeTag", code=1)
    assert "not read whole: filter; --allow-partial makes this exit with 0" in shown
    document = await visit.json("--types", "filter,scopeTag", "--allow-partial")
    states = {of_type["resource_type"]: of_type["state"] for of_type in document["types"]}
    assert (states["filter"], states["scopeTag"]) == ("blocked", "complete")


async def test_permission_without_consent_is_told_from_a_missing_role(visit: Visit) -> None:
    read = "DeviceManagementRBAC.Read.All"
    scopes = [read, "openid", "profile", "offline_access"]
    visit.decide = lambda code: visit.control.approve_device_code(
        code, visit.tenant, "admin", scopes
    )
    path = "/deviceManagement/roleScopeTags"
    visit.control.add_fault(path=path, kind="status", status=403, message=REFUSED)
    document = await visit.json("--types", "filter,scopeTag", code=1)
    why = {of_type["resource_type"]: of_type["why"] for of_type in document["types"]}
    assert why["filter"].endswith("did not bring DeviceManagementConfiguration.Read.All")
    assert f"{read} is there, but your role" in why["scopeTag"]


async def test_call_that_could_read_nothing_fails_in_any_case(visit: Visit) -> None:
    visit.decide = lambda code: visit.control.approve_device_code(
        code, visit.tenant, "admin", ["openid", "profile", "offline_access"]
    )
    await visit("--types", "filter", "--allow-partial", code=1)


@pytest.mark.parametrize(
    ("number", "reason_code", "mend"),
    [
        (65004, "provider_sign_in_declined", "accept what is asked for"),
        (65001, "provider_consent_required", "let an administrator of the tenant sign in"),
        (90094, "provider_consent_required", "let an administrator of the tenant sign in"),
        (53003, "provider_conditional_access", "sign in on a device and from a place"),
        (50020, "provider_account_problem", "an account of the tenant"),
        (70020, "provider_sign_in_expired", "within fifteen minutes"),
    ],
)
async def test_sign_in_that_is_refused_says_what_to_do(
    visit: Visit, number: int, reason_code: str, mend: str
) -> None:
    visit.decide = lambda code: visit.control.deny_device_code(code, number)
    error = (await visit.json("--types", "filter", code=1))["error"]
    assert error["reason_code"] == reason_code
    assert f"(AADSTS{number})" in error["message"]
    assert mend in error["message"]
    assert not (visit.folder / "try.json").exists()


async def test_code_that_nobody_enters_expires(visit: Visit) -> None:
    visit.control.set_device_codes(lifetime_s=1)
    visit.decide = lambda _code: None
    error = (await visit.json(code=1))["error"]
    assert error["reason_code"] == "provider_sign_in_expired"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("--types", "filtr"), "--types"),
        (("--types", "entraRole,group,nothing"), "--types"),
        (("--tenant", "not a tenant"), "--tenant"),
        (("--client-id", "powershell"), "--client-id"),
        (("--cloud", "moon"), "--cloud"),
    ],
)
async def test_wrong_option_is_named_before_anybody_signs_in(
    visit: Visit, arguments: tuple[str, ...], field: str
) -> None:
    error = (await visit.json(*arguments, code=2))["error"]
    assert error["field"] == field
    assert visit.control.pending_device_codes() == []


async def test_cloud_without_addresses_names_the_variables(visit: Visit) -> None:
    del visit.shell.variables["TENANTOPS_GRAPH_ROOT"]
    del visit.shell.variables["TENANTOPS_AUTHORITY_HOST"]
    error = (await visit.json("--cloud", "custom", code=2))["error"]
    assert "TENANTOPS_GRAPH_ROOT" in error["message"]


async def test_foreign_folder_is_refused_and_left_alone(visit: Visit) -> None:
    visit.folder.mkdir()
    (visit.folder / "letter.txt").write_text("dear")
    error = (await visit.json(code=2))["error"]
    assert error["field"] == "FOLDER"
    assert [path.name for path in visit.folder.iterdir()] == ["letter.txt"]


async def test_folder_of_another_tenant_is_refused(visit: Visit) -> None:
    await visit("--types", "filter")
    visit.tenant = next(NUMBERS)
    error = (await visit.json("--tenant", "organizations", "--types", "filter", code=2))["error"]
    assert "another tenant" in error["message"]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("--tenant", "11111111-2222-3333-4444-555555555555"), "--tenant"),
        (("--cloud", "china"), "--cloud"),
    ],
)
async def test_what_cannot_be_the_tenant_of_the_folder_is_refused_before_anybody_signs_in(
    visit: Visit, arguments: tuple[str, ...], field: str
) -> None:
    await visit("--types", "scopeTag")
    visit.decide = lambda _code: None
    error = (await visit.json("--types", "scopeTag", *arguments, code=2))["error"]
    assert error["field"] == field
    assert "the folder holds" in error["message"]


async def test_service_out_of_reach_says_what_to_check(visit: Visit) -> None:
    visit.shell.variables["TENANTOPS_AUTHORITY_HOST"] = "https://127.0.0.1:9"
    error = (await visit.json("--types", "filter", code=1))["error"]
    assert error["reason_code"] == "provider_unavailable"
    assert "check the network" in error["message"]


async def test_changes_stand_below_the_types_and_empty_types_in_one_sentence(
    visit: Visit,
) -> None:
    visit.control.clear_collection(visit.tenant, "/deviceManagement/deviceCategories")
    await visit("--types", "filter,deviceCategory")
    first = visit.control.object_ids(visit.tenant, FILTERS)[0]
    visit.control.update_object(visit.tenant, FILTERS, first, {"displayName": "n" * 1000})
    shown = await visit("--types", "filter,deviceCategory")
    assert shown.index(" filter ") < shown.index("1 change since the last call:")
    assert "Read whole and without objects: deviceCategory." in shown
    assert "n" * 121 not in shown


async def test_nothing_secret_is_on_the_screen_or_in_the_folder_s_state(visit: Visit) -> None:
    path = "/deviceManagement/roleScopeTags"
    visit.control.add_fault(path=path, kind="hostile", status=400, code="BadRequest")
    await visit("--types", "filter,scopeTag", code=1)
    state = (visit.folder / "try.json").read_text()
    key = (visit.folder / ".tenantops-try" / "key").read_bytes().hex()
    shown = "".join(visit.shell.shown)
    for secret in ("eyJ", "0.AXoA", "GAQABA", "unreachable-password", "planted", key):
        assert secret not in shown + state
    assert "admin@" not in state


@pytest.mark.long
async def test_interrupt_while_waiting_for_the_person_ends_at_once(visit: Visit) -> None:
    process = visit.shell.process("try", str(visit.folder), "--types", "filter")
    await eventually(visit.control.pending_device_codes, seconds=20)
    process.send_signal(signal.SIGINT)
    _, complaint = await asyncio.to_thread(process.communicate, timeout=10)
    visit.control.deny_device_code(visit.control.pending_device_codes()[0])
    assert process.returncode == 130
    assert "Interrupted; the folder is as it was." in complaint
    assert not (visit.folder / "try.json").exists()


@pytest.mark.long
async def test_killed_call_leaves_a_folder_that_the_next_one_uses(visit: Visit) -> None:
    await visit("--types", "filter,compliancePolicy")
    before = {path: path.read_bytes() for path in visit.folder.glob("*/*.json")}
    first = visit.control.object_ids(visit.tenant, FILTERS)[0]
    visit.control.update_object(visit.tenant, FILTERS, first, {"description": "by hand"})
    visit.control.set_latency_ms(300)
    async with visit.present():
        process = visit.shell.process("try", str(visit.folder), "--types", "compliancePolicy")
        counters = visit.control.counters(visit.tenant)["requests"]
        await eventually(
            lambda: visit.control.counters(visit.tenant)["requests"] > counters, seconds=20
        )
        process.kill()
        await asyncio.to_thread(process.communicate)
    assert {path: path.read_bytes() for path in visit.folder.glob("*/*.json")} == before
    visit.control.set_latency_ms(0)
    document = await visit.json("--types", "filter,compliancePolicy")
    assert [change["object_id"] for change in document["changes"]] == [first]


@pytest.mark.long
async def test_whole_tenant_of_a_usual_size_is_read_in_one_call(visit: Visit) -> None:
    document = await visit.json()
    assert document["is_whole"]
    assert sum(of_type["objects"] for of_type in document["types"]) > 190
    assert (await visit.json())["changes"] == []


def test_code_stands_in_a_frame_on_a_terminal() -> None:
    console = Console(width=80, record=True, force_terminal=True, highlight=False)
    console.print(prompt_panel(SignInPrompt("https://microsoft.com/devicelogin", "AB12", START)))
    shown = console.export_text()
    assert "Sign in to your tenant" in shown
    assert "Code  AB12" in shown
    assert "2026-03-01 12:00:00Z" in shown
