"""The documents are true: links lead somewhere, names exist, generated pages are up to date."""

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import pytest
import typer
import yaml
from temporalio.client import Client

from commands.tree import root
from contracts.operations import (
    FRONT_DOOR_WORKFLOW,
    TASK_QUEUE,
    OperationDecision,
    OperationRequest,
)
from docs import generate
from domain.audit_events import SOURCE_PERMISSIONS, EventSource
from domain.operation_types import OperationType, definition
from domain.reasons import catalog
from domain.resource_types.registry import RESOURCE_TYPES
from domain.resource_types.shape import ResourceType
from domain.runs import RunOutcome, RunStatus
from settings import settings_reference

PROJECT = Path(__file__).parents[2]
PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("**/*.md")])
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
PICTURE = re.compile(r"!\[[^\]]+\]\((?P<target>[^)\s]+)\)")
README = (PROJECT / "README.md").read_text()
OPERATIONS = (PROJECT / "docs" / "operations.md").read_text()


def name_of(page: Path) -> str:
    return str(page.relative_to(PROJECT))


def local_links(page: Path) -> Iterator[tuple[Path, str]]:
    for found in LINK.finditer(page.read_text()):
        target = found["target"]
        if not target.startswith(("http://", "https://", "mailto:")):
            path, _, anchor = target.partition("#")
            yield (page.parent / path if path else page).resolve(), anchor


def anchors(page: Path) -> set[str]:
    text = page.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"', text))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_links_lead_to_files_and_headings(page: Path) -> None:
    for path, anchor in local_links(page):
        assert path.exists(), path
        assert not anchor or anchor in anchors(path), f"{path.name}#{anchor}"


def test_pictures_exist_once_they_are_there() -> None:
    pictures = [PROJECT / found["target"] for found in PICTURE.finditer(README)]
    assert len(pictures) == 3
    if not any(picture.exists() for picture in pictures):
        pytest.skip("the screenshots are not made yet")

    assert [picture.name for picture in pictures if not picture.exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_names_make_targets_that_exist(page: Path) -> None:
    named = set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", page.read_text(), re.MULTILINE))
    makefile = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    assert {one or other for one, other in named} <= targets


def test_quick_start_is_two_commands() -> None:
    quick_start = README.partition("## Quick start")[2].partition("\n## ")[0]

    assert re.findall(r"```sh\n(.*?)```", quick_start, re.DOTALL) == ["make demo\nmake test\n"]


def test_generated_pages_are_what_the_code_says() -> None:
    stale = [path.name for path, text in generate.pages().items() if path.read_text() != text]

    assert stale == [], "run python docs/generate.py"


def test_every_setting_stands_in_the_readme_with_its_default() -> None:
    table = README.partition(generate.SETTINGS_BEGIN)[2].partition(generate.SETTINGS_END)[0]
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| .* \| (\S+) \|$", table, re.MULTILINE))

    for setting in settings_reference():
        shown = f"`{setting.default}`" if setting.default else "none"
        assert rows.pop(setting.variable) == ("required" if setting.is_required else shown)
    assert rows == {}


def test_example_of_settings_holds_no_secret_and_shows_defaults() -> None:
    example = (PROJECT / ".env.example").read_text()
    shown = dict(re.findall(r"^# (TENANTOPS_[A-Z_]+)=(.*)$", example, re.MULTILINE))
    reference = {one.variable: one for one in settings_reference()}

    assert set(reference) - set(shown) == generate.SET_BY_COMPOSE
    assert all(value == (reference[name].default or "") for name, value in shown.items())
    assert not any(value for name, value in shown.items() if reference[name].is_secret)


def test_every_reason_has_an_anchor_of_its_own() -> None:
    found = anchors(PROJECT / "docs" / "reasons.md")

    assert {entry.code for entry in catalog()} <= found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_names_reason_codes_that_exist(page: Path) -> None:
    codes = {entry.code for entry in catalog()}
    named = set(
        re.findall(
            r"`((?:provider|listing|encryption|queue|overlap)_?[a-z_.]*_[a-z]+)`", page.read_text()
        )
    )
    tables = {"provider_connections", "provider.connection.check"}

    assert named - codes - tables == set()


def test_readme_names_every_permission_that_a_type_reads_with() -> None:
    needed = {entry.permission_read for entry in RESOURCE_TYPES.values()}
    needed |= SOURCE_PERMISSIONS[EventSource.DIRECTORY]
    named = set(re.findall(r"`(\w+\.Read\.\w+)`", README))

    assert named == needed


def test_readme_lists_exactly_the_types_that_can_be_started() -> None:
    section = README.partition("## Starting an operation")[2].partition("### ")[0]
    listed = set(re.findall(r"^\| `([a-z_.]+)` \|", section, re.MULTILINE))

    assert listed == {one.value for one in OperationType if definition(one).startable}


def test_readme_counts_the_resource_types() -> None:
    assert f"| resource types | {len(RESOURCE_TYPES)} with the one that is synced" in README


def test_state_machine_page_names_every_status_and_outcome() -> None:
    text = (PROJECT / "docs" / "state-machine.md").read_text()

    for value in (*RunStatus, *RunOutcome):
        assert f"| `{value}` |" in text
    assert "```mermaid\nstateDiagram-v2" in text


def test_json_of_the_readme_is_the_wire_format() -> None:
    request, decision = (json.loads(text) for text in blocks(PROJECT / "README.md", "json"))

    assert OperationRequest.model_validate(request).inputs["policy_types"]
    assert set(request["inputs"]["policy_types"]) <= set(RESOURCE_TYPES)
    assert set(OperationDecision.model_validate(decision).model_dump()) == set(decision)


def test_snippets_of_other_languages_use_the_wire_names() -> None:
    snippets = [*blocks(PROJECT / "README.md", "ts"), *blocks(PROJECT / "README.md", "go")]
    fields = set(OperationRequest.model_fields)

    assert len(snippets) == 2
    for snippet in snippets:
        sent = set(re.findall(r"\b(\w+_id|\w+_key|principal|inputs|wait)\"?: ", snippet))
        assert FRONT_DOOR_WORKFLOW in snippet
        assert TASK_QUEUE in snippet
        assert {"workspace_id", "tenant_id"} < sent <= fields


def test_temporal_command_line_of_the_readme_sends_a_request() -> None:
    command = next(one for one in blocks(PROJECT / "README.md", "sh") if "--input" in one)
    sent: dict[str, Any] = json.loads(re.findall(r"--input '(.*)'", command)[0])

    assert f"--type {FRONT_DOOR_WORKFLOW} --task-queue {TASK_QUEUE}" in command
    assert set(sent) <= set(OperationRequest.model_fields)
    assert OperationType(sent["type"])


def test_python_of_the_readme_imports_what_exists_and_calls_it_rightly() -> None:
    (code,) = blocks(PROJECT / "README.md", "python")
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, one.name) for one in node.names)
    calls = {node.func.id: node for node in ast.walk(tree) if is_named_call(node)}
    sent = {str(keyword.arg) for keyword in calls["OperationRequest"].keywords}

    assert sent <= set(OperationRequest.model_fields)
    assert [keyword.arg for keyword in calls["start_operation"].keywords] == ["key"]


def is_named_call(node: ast.AST) -> TypeGuard[Any]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def commands_of(page: Path) -> list[list[str]]:
    text = page.read_text()
    inline = re.findall(r"`tenantops ([^`\n]+)`", text)
    lines = re.findall(r"^ *(?:docker compose run --rm cli )?tenantops (.+)$", text, re.MULTILINE)
    return [line.partition(" #")[0].split() for line in (*inline, *lines)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_names_commands_and_options_that_exist(page: Path) -> None:
    for words in commands_of(page):
        command: Any = typer.main.get_command(root())
        context = typer.Context(command)
        while words and hasattr(command, "get_command") and not words[0].startswith("-"):
            command = command.get_command(context, words.pop(0))
            assert command is not None, (page.name, words)
        options = {name for parameter in command.params for name in parameter.opts}
        named = {word for word in words if word.startswith("--")}
        assert named - options - {"--help"} == set(), page.name


def ready_made_queries() -> list[str]:
    section = README.partition("### Questions for the Temporal UI")[2].partition("\n## ")[0]
    return re.findall(r"^\| [^|]+ \| `(.+)` \|$", section, re.MULTILINE)


@pytest.mark.parametrize("query", ready_made_queries())
async def test_ready_made_query_is_understood_by_temporal(
    temporal_address: str, query: str
) -> None:
    client = await Client.connect(temporal_address)

    assert (await client.count_workflows(query)).count >= 0


def test_example_of_a_resource_type_is_complete() -> None:
    code = blocks(PROJECT / "docs" / "extending.md", "python")[0]
    names: dict[str, Any] = {}
    exec(compile(code, "extending.md", "exec"), names)
    example = names["DEVICE_CATEGORY"]

    assert isinstance(example, ResourceType)
    assert example.list_path == RESOURCE_TYPES[example.key].list_path


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_names_files_of_the_project_that_exist(page: Path) -> None:
    named = re.findall(r"`((?:[a-z_]+/)+[a-zA-Z_0-9.]*|[a-z_]+\.py|\.[a-z.]+)`", page.read_text())
    outside = {".venv", ".env", "create-secrets.sh"}
    checked = [one for one in named if one not in outside and not one.startswith("assignments")]

    assert [one for one in checked if not (PROJECT / one).exists()] == []


def test_operations_page_names_the_images_of_the_compose_file() -> None:
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    images = {parts["image"] for parts in compose["services"].values()} - {"tenantops:0.1.0"}
    base = re.findall(r"^FROM (\S+)", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)[0]

    assert all(f"`{image}`" in OPERATIONS for image in images | {base})


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_holds_no_address_of_a_machine(page: Path) -> None:
    text = page.read_text()

    assert not re.search(r"(?<![\w.])/(?:work|home|root|Users)/", text)
    assert not re.search(r"\b10\.\d+\.\d+\.\d+\b|\b192\.168\.", text)


def test_readme_has_the_counted_costs_of_a_backup() -> None:
    figures = _rows_of(PROJECT / "docs" / "figures" / "backup-events.md")
    told = _rows_of(PROJECT / "README.md")
    for objects in ("50", "5,000"):
        # Figures: events of front door, backup, both, then the same of actions.
        _, _, events, _, _, actions = figures[objects]
        assert told[objects] == [events, actions]


def _rows_of(document: Path) -> dict[str, list[str]]:
    lines = [line.strip("| ") for line in document.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return {first: rest for first, *rest in cells}
