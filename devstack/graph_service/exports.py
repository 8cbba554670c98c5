"""Folders of real exports as objects of a tenant: what the tools of others wrote to disk.

Accepts UTF-8 with and without a byte order mark and UTF-16, single objects, `value` lists and
bundles. Bodies are kept as they are, annotations included; only what the service itself writes
(the outer @odata.context) is dropped, and ids are given where none stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from devstack.graph_service.catalog import CATALOG, Collection, IdStyle, NotFoundSegmentError
from devstack.graph_service.generation.draw import Document, stable_guid
from devstack.graph_service.tenant import TenantState

BUNDLES = {"groups": "groups", "filters": "assignmentFilters"}
BY_TYPE_SUFFIX = (
    ("CompliancePolicy", "deviceCompliancePolicies"),
    ("EnrollmentCompletionPageConfiguration", "deviceEnrollmentConfigurations"),
    ("WindowsAutopilotDeploymentProfile", "windowsAutopilotDeploymentProfiles"),
    ("ManagedAppProtection", "managedAppPolicies"),
    ("NamedLocation", "namedLocations"),
    ("App", "mobileApps"),
    ("Configuration", "deviceConfigurations"),
)
BY_TYPE = {f"#microsoft.graph.{c.entity}": c.key for c in CATALOG.stored() if not c.polymorphic}
BOUND_DEFINITION = "definition@odata.bind"
BOUND_PRESENTATION = "presentation@odata.bind"


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """What became of one file, or of one object in it."""

    file: str
    status: str  # loaded or skipped
    collection: str = ""
    object_id: str = ""
    name: str = ""
    reason: str = ""

    def as_row(self) -> dict[str, str]:
        """Plain values for the journal and for tests."""
        return {name: getattr(self, name) for name in self.__slots__}


def load_folder(
    tenant: TenantState, folder: Path, *, replace: bool = False
) -> list[dict[str, str]]:
    """Load every JSON file below `folder`; `replace` first empties the collections concerned."""
    resources = _index(folder)
    cleared: set[str] = set()
    taken: set[tuple[str, str]] = set()
    rows: list[LoadedFile] = []
    for path in sorted(folder.rglob("*.json")):
        if path.name == "index.json":
            continue
        name = path.relative_to(folder).as_posix()
        for outcome in _objects(path, _resource(resources, path)):
            if isinstance(outcome, str):
                rows.append(LoadedFile(name, "skipped", reason=outcome))
                continue
            collection, document = outcome
            if replace and collection.key not in cleared:
                tenant.clear(collection.key)
                cleared.add(collection.key)
            rows.append(_insert(tenant, collection, document, name, taken))
    plain = [row.as_row() for row in rows]
    tenant.note_loaded(plain)
    return plain


def read_json(path: Path) -> Any:
    """Content of a JSON file in any of the encodings that exports come in."""
    raw = path.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return orjson.loads(raw.decode("utf-16"))
    return orjson.loads(raw.decode("utf-8-sig"))


def _index(folder: Path) -> dict[str, str]:
    """Resource by file name, from an index.json in the folder or above it."""
    for candidate in (folder, *folder.parents[:3]):
        path = candidate / "index.json"
        if path.exists():
            rows = read_json(path)
            if isinstance(rows, list):
                return {
                    str(candidate / row["file"]): str(row.get("resource", ""))
                    for row in rows
                    if isinstance(row, dict) and "file" in row
                }
    return {}


def _resource(resources: dict[str, str], path: Path) -> str:
    return resources.get(str(path), "")


def _objects(path: Path, resource: str) -> Iterator[tuple[Collection, Document] | str]:
    if resource.startswith("other"):
        yield resource
        return
    try:
        content = read_json(path)
    except (ValueError, UnicodeError):
        yield "not readable as JSON"
        return
    if isinstance(content, list) and content and BOUND_DEFINITION in content[0]:
        yield CATALOG.get("groupPolicyConfigurations"), _admx(path.stem, content)
        return
    bundle = next((k for k in BUNDLES if isinstance(content, dict) and k in content), None)
    if bundle is not None and isinstance(content[bundle], list):
        for row in content[bundle]:
            yield CATALOG.get(BUNDLES[bundle]), dict(row)
        return
    rows = content.get("value", content) if isinstance(content, dict) else content
    for row in rows if isinstance(rows, list) else [rows]:
        collection = _collection(row, resource) if isinstance(row, dict) else None
        yield "no known resource" if collection is None else (collection, dict(row))


def _collection(row: Document, resource: str) -> Collection | None:
    context = str(row.get("@odata.context", "")).partition("$metadata#")[2]
    kind = str(row.get("@odata.type", ""))
    suffixed = next((key for suffix, key in BY_TYPE_SUFFIX if kind.endswith(suffix)), "")
    by_context = context.partition("/$")[0].partition("(")[0]
    for key in (resource, BY_TYPE.get(kind) or suffixed, by_context, _by_shape(row)):
        try:
            return CATALOG.get(key)
        except NotFoundSegmentError:
            if resource:
                return None
    return None


def _by_shape(row: Document) -> str:
    for properties, key in (
        (("conditions", "grantControls"), "conditionalAccessPolicies"),
        (("settings", "platforms"), "configurationPolicies"),
        (("securityEnabled", "displayName"), "groups"),
    ):
        if all(name in row for name in properties):
            return key
    return ""


def _admx(stem: str, rows: list[Document]) -> Document:
    values = []
    for position, row in enumerate(rows):
        presented = [
            {"id": stable_guid(stem, position, place), **_bound(value, BOUND_PRESENTATION)}
            for place, value in enumerate(row.get("presentationValues") or [])
        ]
        values.append(
            {
                "id": stable_guid(stem, position),
                **_bound(row, BOUND_DEFINITION),
                "presentationValues": presented,
            }
        )
    return {"displayName": stem, "description": "", "definitionValues": values}


def _bound(row: Document, annotation: str) -> Document:
    """The row with what it is bound to, as `$expand` shows it: by its id."""
    body = {name: value for name, value in row.items() if name != annotation}
    if annotation in row:
        target = str(row[annotation]).rpartition("('")[2].rstrip("')")
        body[annotation.partition("@")[0]] = {"id": target}
    return body


def _insert(
    tenant: TenantState,
    collection: Collection,
    document: Document,
    name: str,
    taken: set[tuple[str, str]],
) -> LoadedFile:
    title = str(document.get(collection.name) or document.get("displayName") or "")
    identifier = document.get("id")
    if not isinstance(identifier, str) or not identifier or (collection.key, identifier) in taken:
        identifier = _fresh_id(collection, document, name, title)
    taken.add((collection.key, identifier))
    body = {k: v for k, v in document.items() if k != "@odata.context"}
    body = {**body, "id": identifier}
    if collection.polymorphic and "@odata.type" not in body:
        return LoadedFile(name, "skipped", collection.key, name=title, reason="no @odata.type")
    _prepare_children(collection, body)
    tenant.put(collection.key, identifier, body)
    return LoadedFile(name, "loaded", collection.key, identifier, title)


def _fresh_id(collection: Collection, document: Document, name: str, title: str) -> str:
    guid = stable_guid("export", name, title)
    if collection.ids is IdStyle.SUFFIXED:
        kind = str(document.get("@odata.type", "")).rpartition(".")[2]
        return f"{guid}_{kind[:1].upper()}{kind[1:]}"
    return f"T_{guid}" if collection.ids is IdStyle.T_PREFIXED else guid


def _prepare_children(collection: Collection, body: Document) -> None:
    """Rows that are read on their own path need an id; settings are numbered by position."""
    for navigation in collection.navigations:
        rows = body.get(navigation.name)
        if not isinstance(rows, list):
            continue
        body[navigation.name] = [
            row if not isinstance(row, dict) or row.get("id") else {"id": str(position), **row}
            for position, row in enumerate(rows)
        ]
