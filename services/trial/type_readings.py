"""Reading one resource type of a trial to its end, in memory (D5, decision 0003).

The same rules as in a backup: a failed fetch is never a deletion, what is missing is asked for one
by one, what was listed and answered 404 is looked up in a fresh listing, and a large loss waits for
the next call.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from domain.capture_results import is_suspicious_loss
from domain.provider_errors import ProviderReason
from domain.resource_types.shape import ResourceType
from graph.client import GraphClient
from graph.errors import GraphPageTokenExpiredError
from graph.reading import Presence, ResourceReader
from graph.referenced_reading import ReferencedReader
from services.trial.object_comparison import ObjectComparison, SeenObject
from services.trial.trial_folder import TrialFolder
from services.trial.trial_state import KnownType

# Ids asked for at once when a listing lacks them.
_PROBE_SIZE = 200
# A listing that is refused this often stays incomplete (api.md d.1).
_MOST_RESTARTS = 5

_NOT_FOUND = ProviderReason.OBJECT_NOT_FOUND.value
_CONTRADICTED = "object_listed_not_found"
_INCONSISTENT = "listing_inconsistent"
_UNPROVEN = "object_failed"
_HELD = "listing_held"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeEnding:
    """What became of a type.

    reason_code: why the listing is not complete, null if it is. deleted: proven to be gone.
    missing: not listed, and kept all the same. dangling: how many references lead to nothing.
    """

    seen: dict[str, SeenObject]
    deleted: Sequence[str] = ()
    missing: Sequence[str] = ()
    reason_code: str | None = None
    http_status: int | None = None
    dangling: int = 0

    @property
    def listing_complete(self) -> bool:
        """Whether the listing came to its end and proves what it lacks."""
        return self.reason_code is None


@dataclass(slots=True)
class TypeReading:
    """Reads one type; may be called again after an error and goes on from where it was.

    at_page: called with how many objects came. referenced: for a type that is read by reference,
    the ids that others name; what they name no more is neither missing nor deleted (decision 0005).
    """

    client: GraphClient
    resource_type: ResourceType
    folder: TrialFolder
    former: KnownType | None
    at_page: Callable[[int], None]
    referenced: Sequence[str] = ()
    _seen: dict[str, SeenObject] = field(default_factory=dict)
    _cursor: str | None = None
    _is_listed: bool = False
    _restarts: int = 0

    async def read(self) -> TypeEnding:
        """Return how the type ended. Raises the GraphError that stopped it, and OSError."""
        while True:
            try:
                if not self._is_listed:
                    await self._list()
                return await self._finish()
            except GraphPageTokenExpiredError:
                if self._restarts >= _MOST_RESTARTS:
                    raise
                self._restarts += 1
                self._seen, self._cursor, self._is_listed = {}, None, False

    def unfinished(self, reason_code: str, http_status: int | None = None) -> TypeEnding:
        """Return the ending of a type that cannot be read on."""
        return TypeEnding(
            seen=self._settled(()),
            missing=sorted(self._known() - self._seen.keys()),
            reason_code=reason_code,
            http_status=http_status,
        )

    async def _list(self) -> None:
        comparison = ObjectComparison(self.folder, self.resource_type, self.former)
        async for page in self._reader().pages(self._cursor):
            seen = await asyncio.to_thread(comparison.see, page.documents)
            self._seen.update((one.object_id, one) for one in seen)
            self._cursor = page.cursor
            self.at_page(len(seen))
        self._is_listed = True

    async def _finish(self) -> TypeEnding:
        missing = sorted(self._known() - self._seen.keys())
        contested = sorted(
            name for name, one in self._seen.items() if one.reason_code == _NOT_FOUND
        )
        reader = self._reader()
        listed_again = await reader.still_listed(contested) if contested else set[str]()
        unlisted = [name for name in contested if name not in listed_again]
        found: dict[str, Presence] = {}
        asked = [*missing, *unlisted]
        for start in range(0, len(asked), _PROBE_SIZE):
            found |= await reader.probe(asked[start : start + _PROBE_SIZE])
        gone = {name for name, presence in found.items() if presence is Presence.GONE}
        vanished = [name for name in unlisted if name in gone]
        ending = self._judged(self._settled(vanished), gone, found)
        is_by_reference = self.resource_type.by_reference
        dangling = len(set(vanished) - self._known()) if is_by_reference else 0
        return replace(ending, dangling=dangling)

    def _judged(
        self, seen: dict[str, SeenObject], gone: set[str], found: dict[str, Presence]
    ) -> TypeEnding:
        """Decide what the absence of objects means."""
        known = self._known()
        missing = sorted(known - seen.keys())
        deleted = [name for name in missing if name in gone]
        if any(found.get(name) is Presence.EXISTS for name in missing):
            return TypeEnding(seen=seen, missing=missing, reason_code=_INCONSISTENT)
        if is_suspicious_loss(len(deleted), len(seen), len(known)) and not self._was_held(deleted):
            return TypeEnding(seen=seen, missing=missing, reason_code=_HELD)
        unproven = [name for name in missing if name not in gone]
        reason_code = _UNPROVEN if unproven else None
        return TypeEnding(seen=seen, deleted=deleted, missing=unproven, reason_code=reason_code)

    def _was_held(self, deleted: Sequence[str]) -> bool:
        held = None if self.former is None else self.former.held
        return held is not None and set(deleted) <= set(held)

    def _settled(self, vanished: Sequence[str]) -> dict[str, SeenObject]:
        """Drop what a fresh listing lacks; what answered 404 otherwise has failed."""
        kept = {name: one for name, one in self._seen.items() if name not in set(vanished)}
        return {
            name: replace(one, reason_code=_CONTRADICTED) if one.reason_code == _NOT_FOUND else one
            for name, one in kept.items()
        }

    def _known(self) -> set[str]:
        known = set() if self.former is None else set(self.former.objects)
        return known.intersection(self.referenced) if self.resource_type.by_reference else known

    def _reader(self) -> ResourceReader:
        if self.resource_type.by_reference:
            return ReferencedReader(self.client, self.resource_type, self._referenced)
        return ResourceReader(self.client, self.resource_type, self._is_known)

    async def _referenced(self) -> Sequence[str]:
        return sorted(self.referenced)

    async def _is_known(self, object_ids: Sequence[str]) -> set[str]:
        return self._known().intersection(object_ids)
