"""What a verification finds wrong: each problem named by kind, sets, type and object.

One fault is one problem, however many sets show it; the sets are listed by their numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class ProblemKind(StrEnum):
    """What is wrong with something stored."""

    # A number of the tenant's chain has no set.
    SET_MISSING = "set_missing"
    # A set names another one before it than stands there.
    SET_MISPLACED = "set_misplaced"
    # The hash of a set does not follow from what it holds.
    SET_ALTERED = "set_altered"
    # The hash or the count of a manifest does not follow from its chunks.
    MANIFEST_ALTERED = "manifest_altered"
    # A manifest names a chunk that is not stored.
    CHUNK_MISSING = "chunk_missing"
    # A chunk is not what its hash names.
    CHUNK_ALTERED = "chunk_altered"
    # A version is known, and its document is not stored.
    CONTENT_MISSING = "content_missing"
    # A document does not open: it was altered, or belongs to another version.
    CONTENT_ALTERED = "content_altered"
    # A document opens and is not the one that its hash names: somebody had the key, or the
    # canonical rules of the type changed without a new version.
    CONTENT_DIFFERS = "content_differs"
    # Documents, or the signing key, are under a key that is not at hand.
    KEY_UNAVAILABLE = "key_unavailable"
    # A set lacks its certificate.
    CERTIFICATE_MISSING = "certificate_missing"
    # A certificate is not what its hash names, or cannot be read.
    CERTIFICATE_ALTERED = "certificate_altered"
    # A certificate names another one before it than stands there.
    CERTIFICATE_MISPLACED = "certificate_misplaced"
    # A certificate says something else than its set.
    CERTIFICATE_CONTRADICTED = "certificate_contradicted"
    # The signature of a certificate is not one of its key.
    SIGNATURE_INVALID = "signature_invalid"
    # The public half of a signing key was exchanged.
    SIGNING_KEY_ALTERED = "signing_key_altered"
    # A certificate names a signing key that is not stored.
    SIGNING_KEY_MISSING = "signing_key_missing"
    # The versions of an object contradict each other, its row, or a set that holds one.
    HISTORY_ALTERED = "history_altered"
    # The display name of an object does not open.
    NAME_ALTERED = "name_altered"
    # The actor of an audit event does not open.
    EVENT_ALTERED = "event_altered"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, without the sets that show it; type and object are None where none is."""

    kind: ProblemKind
    detail: str
    resource_type: str | None = None
    object_id: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault and the numbers of the sets that show it; none for what is in no set."""

    fault: Fault
    sequences: tuple[int, ...]

    def __str__(self) -> str:
        """Return one sentence that names everything."""
        where = [f"set {_ranges(self.sequences)}"] if self.sequences else ["in no set"]
        where += [text for text in (self.fault.resource_type, self.fault.object_id) if text]
        return f"{', '.join(where)}: {self.fault.detail}"


class ProblemList:
    """Gathers faults, one problem for each."""

    def __init__(self) -> None:
        self._sequences: dict[Fault, list[int]] = {}

    def add(self, fault: Fault, sequence: int | None = None) -> None:
        """Note a fault, in the set of this number if it is in one."""
        known = self._sequences.setdefault(fault, [])
        if sequence is not None and (not known or known[-1] != sequence):
            known.append(sequence)

    def problems(self) -> tuple[Problem, ...]:
        """Return what was found, in the order in which it was found."""
        return tuple(Problem(fault, tuple(found)) for fault, found in self._sequences.items())


def _ranges(numbers: Sequence[int]) -> str:
    """Return `3, 5-9` for ascending numbers."""
    parts: list[tuple[int, int]] = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1] = (parts[-1][0], number)
        else:
            parts.append((number, number))
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)
