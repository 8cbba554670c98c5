"""What a trial folder knows of its last call: each object's hash and files, and what it lacks.

Pure: JSON in and out. No secrets and no account: secret values stand as keyed fingerprints inside
the hashes, and who signed in is not kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final

from domain.diff import Change, ChangeKind

FORMAT: Final = "tenantops-try"
FORMAT_VERSION: Final = 1
# Of an object whose hash was made with another key or by other rules: its document is compared.
UNKNOWN_HASH: Final = ""


class TrialStateError(Exception):
    """The state of the folder cannot be read: altered, or of another version."""

    reason_code = "invalid_state"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownObject:
    """An object as it was read last. files: paths in the folder, its JSON first."""

    hash: str
    files: tuple[str, ...]
    name: str | None = None
    not_captured: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownType:
    """A resource type as it was read last.

    failed: objects that were listed and could not be read, with reason codes. held: objects that
    were missing when a loss was held (decision 0003); null if none was. rules: version of the
    canonical rules behind the hashes.
    """

    listing_complete: bool
    read_at: datetime
    rules: int
    reason_code: str | None = None
    objects: Mapping[str, KnownObject] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    held: tuple[str, ...] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every object that there was had been read."""
        return self.listing_complete and not self.failed

    def without_hashes(self) -> "KnownType":
        """Return the type with its documents alone."""
        known = {name: replace(one, hash=UNKNOWN_HASH) for name, one in self.objects.items()}
        return replace(self, objects=known)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialChange:
    """What one call found of one object.

    change: `created`, `updated`, `deleted`, `schema_change` (Microsoft's doing), or `first_read`:
    not read before, so nobody knows whether it is new. differences: null if the former document is
    not there any more.
    """

    resource_type: str
    object_id: str
    name: str | None
    change: str
    differences: Sequence[Change] | None = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialState:
    """The last call. key_id: which key made the fingerprints inside the hashes."""

    entra_tenant_id: str
    cloud: str
    read_at: datetime
    key_id: str
    types: Mapping[str, KnownType]
    changes: Sequence[TrialChange] = ()

    def comparable(self, key_id: str, rules: Mapping[str, int]) -> dict[str, KnownType]:
        """Return the types with the hashes that this key and these rules could have made."""
        return {
            key: known
            if self.key_id == key_id and rules.get(key) == known.rules
            else known.without_hashes()
            for key, known in self.types.items()
        }

    def files(self) -> set[str]:
        """Return the paths of all files of objects."""
        return {
            path
            for known in self.types.values()
            for entry in known.objects.values()
            for path in entry.files
        }

    def to_json(self) -> dict[str, Any]:
        """Return the document of `try.json`."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "entra_tenant_id": self.entra_tenant_id,
            "cloud": self.cloud,
            "read_at": self.read_at.isoformat(),
            "key_id": self.key_id,
            "changes": [change_document(change) for change in self.changes],
            "types": {key: _type_document(known) for key, known in sorted(self.types.items())},
        }


def change_document(change: TrialChange) -> dict[str, Any]:
    """Return a change as JSON; secrets are hidden in it."""
    found = change.differences
    return {
        "resource_type": change.resource_type,
        "object_id": change.object_id,
        "name": change.name,
        "change": change.change,
        "differences": None if found is None else [asdict(one) for one in found],
    }


def parse_state(document: object) -> TrialState:
    """Return the state of a `try.json`. Raises TrialStateError."""
    try:
        return _parsed(document)
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    raise TrialStateError("try.json cannot be read; name another folder, or remove this one")


def _type_document(known: KnownType) -> dict[str, Any]:
    return {
        "listing_complete": known.listing_complete,
        "reason_code": known.reason_code,
        "read_at": known.read_at.isoformat(),
        "rules": known.rules,
        "failed": dict(sorted(known.failed.items())),
        "held": None if known.held is None else list(known.held),
        "objects": {name: _object_document(of) for name, of in sorted(known.objects.items())},
    }


def _object_document(known: KnownObject) -> dict[str, Any]:
    document: dict[str, Any] = {"hash": known.hash, "name": known.name, "files": list(known.files)}
    return document | ({"not_captured": list(known.not_captured)} if known.not_captured else {})


def _parsed(document: Any) -> TrialState:
    if document["format"] != FORMAT or document["format_version"] != FORMAT_VERSION:
        raise ValueError("another format")
    return TrialState(
        entra_tenant_id=str(document["entra_tenant_id"]),
        cloud=str(document["cloud"]),
        read_at=_moment(document["read_at"]),
        key_id=str(document["key_id"]),
        types={str(key): _type(entry) for key, entry in document["types"].items()},
        changes=tuple(_change(entry) for entry in document["changes"]),
    )


def _type(entry: Mapping[str, Any]) -> KnownType:
    held = entry["held"]
    return KnownType(
        listing_complete=bool(entry["listing_complete"]),
        read_at=_moment(entry["read_at"]),
        rules=int(entry["rules"]),
        reason_code=entry["reason_code"],
        objects={str(name): _object(of) for name, of in entry["objects"].items()},
        failed={str(name): str(code) for name, code in entry["failed"].items()},
        held=None if held is None else tuple(map(str, held)),
    )


def _object(entry: Mapping[str, Any]) -> KnownObject:
    return KnownObject(
        hash=str(entry["hash"]),
        files=tuple(_checked_paths(entry["files"])),
        name=entry["name"],
        not_captured=tuple(map(str, entry.get("not_captured", ()))),
    )


def _checked_paths(paths: Iterable[Any]) -> list[str]:
    """Return paths of the shape `folder/file`: what they name may be removed later."""
    checked = [str(path) for path in paths]
    for path in checked:
        parts = PurePosixPath(path).parts
        if len(parts) != 2 or any(part.startswith(".") or part == "/" for part in parts):
            raise ValueError("not a path inside the folder")
    if not checked:
        raise ValueError("an object without a file")
    return checked


def _change(entry: Mapping[str, Any]) -> TrialChange:
    found = entry["differences"]
    return TrialChange(
        resource_type=str(entry["resource_type"]),
        object_id=str(entry["object_id"]),
        name=entry["name"],
        change=str(entry["change"]),
        differences=None
        if found is None
        else tuple(Change(**{**one, "kind": ChangeKind(one["kind"])}) for one in found),
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment
