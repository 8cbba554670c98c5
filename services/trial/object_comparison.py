"""One object of a trial: its hash, its files, and what differs from what the folder holds.

Works in threads, a page at a time. Documents are compared as in backups: by the canonical form,
with secrets as keyed fingerprints, values that Graph keeps to itself apart (decision 0003).
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain.canonical import canonical_form, version_hash
from domain.canonical_rules import rules_of
from domain.diff import Change, diff
from domain.export_names import file_stem
from domain.export_payloads import decoded_files
from domain.manifests import is_valid_object_id
from domain.references import Reference, references_of
from domain.resource_types.shape import ResourceType
from domain.withheld_values import Reading, revealed_alone
from graph.reading import ReadObject
from services.exports.export_folders import json_bytes
from services.trial.trial_folder import TrialFolder
from services.trial.trial_state import UNKNOWN_HASH, KnownObject, KnownType

# Of an object whose id or body no JSON document can hold.
UNREPRESENTABLE = "object_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenObject:
    """An object that a listing had.

    known: how it is now, or null with the `reason_code` why it was not read. differences: from the
    former document, null if that cannot be compared; `is_changed` says whether there are any at
    all, `is_reading_alone` that only values which Graph may withhold came or went. refers_to: what
    the document names by id.
    """

    object_id: str
    odata_type: str | None = None
    known: KnownObject | None = None
    reason_code: str | None = None
    is_changed: bool = False
    is_reading_alone: bool = False
    differences: Sequence[Change] | None = ()
    refers_to: frozenset[Reference] = frozenset()


class ObjectComparison:
    """Compares objects of one type with a folder's former ones, and stages their files."""

    def __init__(
        self, folder: TrialFolder, resource_type: ResourceType, former: KnownType | None
    ) -> None:
        self._folder = folder
        self._type = resource_type
        self._rules = rules_of(resource_type)
        self._former: Mapping[str, KnownObject] = {} if former is None else former.objects

    def see(self, objects: Iterable[ReadObject]) -> list[SeenObject]:
        """Compare objects and stage their files; blocks."""
        return [self._see(read) for read in objects]

    def _see(self, read: ReadObject) -> SeenObject:
        document = read.document
        if document is None or read.failure is not None:
            code = "unknown_error" if read.failure is None else read.failure.reason_code.value
            return SeenObject(object_id=read.object_id, reason_code=code)
        digest = self._hash(read.object_id, document)
        if digest is None or not is_valid_object_id(read.object_id):
            return SeenObject(object_id=read.object_id, reason_code=UNREPRESENTABLE)
        name = document.get(self._type.name_property)
        known = KnownObject(
            hash=digest,
            files=tuple(self._staged(read.object_id, document)),
            name=name if isinstance(name, str) else None,
            not_captured=read.not_captured,
        )
        return self._compared(read, document, known)

    def _staged(self, object_id: str, document: Mapping[str, Any]) -> Iterator[str]:
        name = document.get(self._type.name_property)
        stem = file_stem(name if isinstance(name, str) else None, object_id)
        place = f"{self._type.export_folder}/{stem}"
        files = {f"{place}.json": json_bytes(document)}
        files |= {f"{place}.{found.ending}": found.content for found in decoded_files(document)}
        for path, content in files.items():
            self._folder.stage(path, content)
            yield path

    def _compared(
        self, read: ReadObject, document: Mapping[str, Any], known: KnownObject
    ) -> SeenObject:
        former = self._former.get(read.object_id)
        seen = SeenObject(
            object_id=read.object_id,
            odata_type=read.odata_type,
            known=known,
            refers_to=references_of(self._type.key, document),
        )
        if former is None or former.hash == known.hash:
            return seen
        before = self._document_of(read.object_id, former)
        differences = None if before is None else diff(before, document, self._rules)
        if differences == []:
            return seen
        is_reading_alone = before is not None and self._is_reading_alone(
            Reading(before, former.not_captured), Reading(document, known.not_captured)
        )
        return replace(
            seen, is_changed=True, is_reading_alone=is_reading_alone, differences=differences
        )

    def _document_of(self, object_id: str, former: KnownObject) -> dict[str, Any] | None:
        """Return the former document; null if it is gone or is not what was read then."""
        document = self._folder.document(former.files[0])
        if document is None or former.hash == UNKNOWN_HASH:
            return document
        return document if self._hash(object_id, document) == former.hash else None

    def _is_reading_alone(self, before: Reading, after: Reading) -> bool:
        if not before.not_captured and not after.not_captured:
            return False
        return revealed_alone(before, after, self._rules) is not None

    def _hash(self, object_id: str, document: Mapping[str, Any]) -> str | None:
        try:
            form = canonical_form(document, self._rules, self._fingerprint)
        except (TypeError, ValueError, RecursionError):
            # Not JSON, or no canonical form (UnrepresentableDocumentError).
            return None
        return version_hash(form, object_id)

    def _fingerprint(self, secret: bytes) -> str:
        return hmac.digest(self._folder.key, secret, "sha256").hex()
