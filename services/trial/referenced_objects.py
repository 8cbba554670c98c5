"""What the objects of a trial refer to by id, in this call or, where they were not read, before."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from domain.references import Reference, references_of
from services.trial.trial_folder import TrialFolder
from services.trial.trial_state import KnownType
from services.trial.type_readings import TypeEnding


def referenced_ids(
    endings: Mapping[str, TypeEnding], former: Mapping[str, KnownType], folder: TrialFolder
) -> dict[str, list[str]]:
    """Return the ids that are referred to, by resource type, sorted; reads files of the folder."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for ending in endings.values():
        for one in ending.seen.values():
            for reference in one.refers_to:
                found[reference.kind].add(reference.external_id)
    for reference in _kept(endings, former, folder):
        found[reference.kind].add(reference.external_id)
    return {kind: sorted(ids) for kind, ids in found.items()}


def _kept(
    endings: Mapping[str, TypeEnding], former: Mapping[str, KnownType], folder: TrialFolder
) -> Iterator[Reference]:
    """Yield what objects refer to that were not read this time and are still there."""
    for key, known in former.items():
        ending = endings.get(key)
        for name, one in known.objects.items():
            if ending is not None and (name in ending.deleted or _was_read(ending, name)):
                continue
            document = folder.document(one.files[0])
            if document is not None:
                yield from references_of(key, document)


def _was_read(ending: TypeEnding, name: str) -> bool:
    seen = ending.seen.get(name)
    return seen is not None and seen.known is not None
