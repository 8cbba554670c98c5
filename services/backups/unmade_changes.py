"""Which changed objects of a page nobody changed (D9, decision 0003).

Their stored document gives the new hash under the new rules, or their whole type gained or lost the
same properties, or Graph gave out other values than before. Stored documents are read only when one
of these can be.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.diff import diff
from domain.schema_changes import ComparedObject, may_be_schema_change, schema_changes
from domain.withheld_values import Reading, is_another_value, revealed_alone
from services.backups.listed_objects import CapturedObject, PagePlace
from services.contents.contents import ContentReader, Document, hash_document
from storage.policies import CaptureHistory, KnownPolicy, capture_histories


@dataclass(frozen=True)
class ComparedPage:
    """The objects of a page beside what is known of them, all by object id."""

    place: PagePlace
    known: Mapping[str, KnownPolicy]
    documents: Mapping[str, CapturedObject]
    versions: Mapping[str, str]

    @property
    def older(self) -> dict[str, str]:
        """The latest known version of each object that has another one now."""
        return {
            name: before
            for name, policy in self.known.items()
            if (before := version_of(policy)) is not None and before != self.versions[name]
        }


@dataclass(frozen=True)
class _Stored:
    """What is known of the suspects: their documents by version, and what was withheld of them."""

    older: Mapping[str, str]
    documents: Mapping[str, Document]
    withheld: Mapping[str, CaptureHistory]

    def before(self, name: str) -> Document | None:
        return self.documents.get(self.older[name]) if name in self.older else None


async def unmade_changes(
    connection: AsyncConnection, reader: ContentReader, page: ComparedPage
) -> set[str]:
    """Return the ids of the changed objects that nobody changed."""
    older = page.older
    if not older:
        return set()
    withheld = await _withheld(connection, page, older)
    suspects = {*_suspects(page, older), *withheld}
    if not suspects:
        return set()
    fuller = [history.fuller_hash for history in withheld.values() if history.fuller_hash]
    place = page.place
    opened = await reader.documents_within(
        connection,
        place.workspace_id,
        place.tenant_id,
        [*(older[name] for name in suspects), *fuller],
    )
    documents = {version: content.document for version, content in opened.items()}
    return await asyncio.to_thread(_unmade, page, _Stored(older, documents, withheld))


def version_of(known: KnownPolicy | None) -> str | None:
    """Return the latest version of an object that exists, else None."""
    return None if known is None or known.is_deleted else known.current_version_hash


async def _withheld(
    connection: AsyncConnection, page: ComparedPage, older: Collection[str]
) -> dict[str, CaptureHistory]:
    """Return the changed objects of which Graph kept something to itself, then or now."""
    place = (page.place.tenant_id, page.place.resource_type)
    histories = await capture_histories(connection, *place, list(older))
    return {
        name: history
        for name, history in histories.items()
        if history.not_captured or page.documents[name].not_captured
    }


def _suspects(page: ComparedPage, older: Collection[str]) -> list[str]:
    kinds = {name: _odata_type(page.documents[name]) for name in page.known}
    groups, changed = Counter(kinds.values()), Counter(kinds[name] for name in older)

    def is_suspect(name: str) -> bool:
        rules = page.known[name].canonical_rules
        if rules is None:
            return False
        is_common = may_be_schema_change(changed[kinds[name]], groups[kinds[name]])
        return is_common or rules != page.place.rules.version

    return [name for name in older if is_suspect(name)]


def _unmade(page: ComparedPage, stored: _Stored) -> set[str]:
    place = page.place
    before = {name: found for name in page.known if (found := stored.before(name)) is not None}
    same_content = {
        name
        for name, document in before.items()
        if hash_document(name, document, place.rules, place.cipher) == page.versions[name]
    }
    compared = [
        ComparedObject(
            name,
            _odata_type(page.documents[name]),
            diff(before[name], page.documents[name].document, place.rules)
            if name in before
            else (),
        )
        for name in page.known
    ]
    readings = {
        name: _is_reading_alone(page, stored, name) for name in stored.withheld if name in before
    }
    alone = {name for name, is_alone in readings.items() if is_alone}
    changed = {name for name, is_alone in readings.items() if is_alone is False}
    return (same_content | schema_changes(compared) | alone) - changed


def _is_reading_alone(page: ComparedPage, stored: _Stored, name: str) -> bool | None:
    """Whether values only came or went; False when one came back as another, else None."""
    rules, history, item = page.place.rules, stored.withheld[name], page.documents[name]
    before = Reading(stored.documents[stored.older[name]], history.not_captured)
    after = Reading(item.document, item.not_captured)
    revealed = revealed_alone(before, after, rules)
    if revealed is None:
        return None
    fuller = stored.documents.get(history.fuller_hash or "")
    if not revealed or fuller is None:
        return True
    earlier = Reading(fuller, history.fuller_not_captured or ())
    return not is_another_value(earlier, after, revealed, rules)


def _odata_type(item: CapturedObject) -> str | None:
    value = item.document.get("@odata.type")
    return value if isinstance(value, str) else None
