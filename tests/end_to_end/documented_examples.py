"""Example answers of Microsoft's reference as objects of a tenant, and what in the data is none.

`../shared/graph/data` holds real exports, examples of the reference, and tables about Graph. Every
file is either a set of objects of types that a backup reads, or of a class that is named here.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from devstack.graph_service import GraphService
from devstack.graph_service.catalog import CATALOG
from tests.end_to_end.truth import GROUPS, PLACES

DATA = Path(__file__).parents[3] / "shared/graph/data"
EXAMPLES = "graph-doc-examples"
Document = dict[str, Any]
# Paths whose answers are objects of a type under another address.
TYPED = re.compile(r"^/deviceappmanagement/[a-z]+(managedappprotections|protectionpolicies)$")
# Folders and files that describe Graph and hold no answer of it.
ABOUT_GRAPH = {
    "index.json": "index of the files",
    "schema": "types and enums of the metadata document",
    "permissions": "tables of permissions",
    "entra/raw_": "tables of roles and their actions in a form of their own",
    "entra/unified": "directory role definitions: read by their sync, not by a backup",
}
# Files among the real exports that are in no form of Graph's.
OTHER_FORMS = {
    "other": "no object of Graph",
    "other:ARM template": "template of Azure Resource Manager",
    "other:IntuneManagement migration table": "table of a tool's own",
}
# What a group is to a backup; members, mail and states of its life are no configuration.
OF_GROUPS = frozenset(
    {
        "id",
        "displayName",
        "description",
        "groupTypes",
        "securityEnabled",
        "mailEnabled",
        "mailNickname",
        "membershipRule",
        "membershipRuleProcessingState",
        "isAssignableToRole",
        "visibility",
        "onPremisesSyncEnabled",
    }
)
# The reference shows them; a service returns objects of the types below them only.
ABSTRACT = frozenset(
    f"#microsoft.graph.{name}"
    for name in (
        "managedAppConfiguration",
        "managedAppPolicy",
        "managedAppProtection",
        "targetedManagedAppProtection",
        "windowsInformationProtection",
    )
)
_ADDRESS = re.compile(r"^https://graph\.microsoft\.com/(beta|v1\.0)")


class Example(NamedTuple):
    """One object of an example file; `path` is its collection's."""

    file: str
    path: str
    document: Document


def examples() -> Iterator[Example]:
    """Yield the objects of every example whose request reads a collection of a backup."""
    for file in example_files():
        content = json.loads((DATA / file).read_text())
        path = collection_of(content)
        if path is not None:
            for document in objects_of(content["body"]):
                if is_backed_up(document):
                    yield Example(file, path, document)


def is_backed_up(document: Document) -> bool:
    """Tell objects of a backup from abstract types and from Microsoft's own roles."""
    is_own_role = (
        "roleDefinition" in str(document.get("@odata.type")) or "rolePermissions" in document
    )
    is_built_in = (
        document.get("isBuiltIn") is True or document.get("isBuiltInRoleDefinition") is True
    )
    return document.get("@odata.type") not in ABSTRACT and not (is_own_role and is_built_in)


def example_files() -> list[str]:
    """Return the names of all example files."""
    return [file.relative_to(DATA).as_posix() for file in sorted((DATA / EXAMPLES).rglob("*.json"))]


def collection_of(example: Document) -> str | None:
    """Return the collection that the example's request reads, if a backup reads it too."""
    for request in example["_requests"]:
        method, _, address = request.partition(" ")
        path = _ADDRESS.sub("", address.partition("?")[0].strip()).rstrip("/").lower()
        # A delta reports changes of objects, not objects.
        if method != "GET" or path.endswith("/delta"):
            continue
        for candidate in (path, path.rpartition("/")[0]):
            if candidate in _PATHS:
                return _PATHS[candidate]
        if TYPED.match(path):
            return PLACES["appProtection"][0]
    return None


def objects_of(body: Any) -> list[Document]:
    """Return the objects of an answer: a collection's, or the only one."""
    rows = body.get("value", body) if isinstance(body, dict) else body
    return [row for row in (rows if isinstance(rows, list) else [rows]) if isinstance(row, dict)]


def class_of(file: str) -> str:
    """Say what a file of the data is: something that round-trips, or why it does not."""
    for start, what in ABOUT_GRAPH.items():
        if file.startswith(start):
            return what
    if file.startswith(EXAMPLES):
        return _class_of_example(json.loads((DATA / file).read_text()))
    resource = next(row["resource"] for row in index() if row["file"] == file)
    return OTHER_FORMS.get(resource, "export")


def _class_of_example(example: Document) -> str:
    if collection_of(example) is not None:
        backed_up = any(map(is_backed_up, objects_of(example["body"])))
        return "example" if backed_up else "abstract type or built-in role"
    addresses = [request.partition(" ") for request in example["_requests"]]
    if all(method != "GET" for method, _, _ in addresses):
        return "answer to a write"
    paths = [_ADDRESS.sub("", address.strip()).lower() for _, _, address in addresses]
    if any(path.startswith(f"{known}/") for path in paths for known in _PATHS):
        return "part of an object, its state, or its changes"
    return "collection that no backup reads"


def index() -> list[dict[str, Any]]:
    """Return the rows of the data's index of real exports."""
    rows: list[dict[str, Any]] = json.loads((DATA / "index.json").read_text())
    return rows


def load_examples(graph: GraphService) -> dict[str, Example]:
    """Put every example into the first tenant; return by id what a reader of Graph can see of it.

    Each group is assigned a policy, since a backup reads the groups that others refer to.
    """
    loaded: dict[str, Example] = {}
    for number, example in enumerate(examples()):
        spec = CATALOG.get(example.path)
        known = graph.control.object_ids(0, example.path) if spec.singleton else []
        object_id = known[0] if known else str(uuid5(NAMESPACE_URL, f"{example.file} {number}"))
        # What an example leaves out is empty.
        empty: Document = {n.name: [] for n in spec.navigations if not n.single}
        document = {**empty, **example.document, "id": object_id}
        if known:
            graph.control.replace_object(0, example.path, object_id, document)
        else:
            graph.control.insert_object(0, example.path, document)
        loaded[object_id] = example._replace(document=shown(example.path, document))
    groups = [object_id for object_id, example in loaded.items() if example.path == GROUPS]
    assign_to(graph, groups)
    return loaded


def shown(path: str, document: Document) -> Document:
    """Return what a backup can have of a document: secrets are never returned."""
    if path == GROUPS:
        # The answer names no type, since there is one kind only; the backup notes it.
        kept = {name: value for name, value in document.items() if name in OF_GROUPS}
        return {"@odata.type": "#microsoft.graph.group", **kept}
    return {**document, **dict.fromkeys(set(CATALOG.get(path).write_only) & document.keys())}


def assign_to(graph: GraphService, groups: list[str]) -> None:
    """Add a policy that is assigned to each of these groups."""
    target = "#microsoft.graph.groupAssignmentTarget"
    rows = [
        {"id": f"assigned_{group}", "target": {"@odata.type": target, "groupId": group}}
        for group in groups
    ]
    policy = {"name": "Assigned to every group", "settings": [], "assignments": rows}
    graph.control.insert_object(0, PLACES["settingsCatalog"][0], policy)


_PATHS = {path.lower(): path for path, _ in PLACES.values()} | {GROUPS: GROUPS}
