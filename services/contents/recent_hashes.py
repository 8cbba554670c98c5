"""Version hashes of bodies that this process has seen: a memo, never a source of truth.

An unchanged object comes back byte for byte, and its canonical form costs several times what a
plain hash of its body does. The memo holds hashes only, a bounded number of them.
"""

import hashlib
from collections.abc import Callable, Hashable
from typing import Final

# Two generations of so many; an entry takes some 300 bytes.
_GENERATION: Final = 25_000


class RecentHashes:
    """Remembers version hashes by the exact body and everything else they depend on."""

    def __init__(self, generation: int = _GENERATION) -> None:
        self._generation = generation
        self._young: dict[Hashable, str] = {}
        self._old: dict[Hashable, str] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def of(self, body: bytes, circumstances: Hashable, compute: Callable[[], str]) -> str:
        """Return the version hash of a body, computed when it is not remembered.

        `circumstances` are whatever else decides it: object, rules, key of the fingerprints.
        """
        key = (hashlib.sha256(body).digest(), circumstances)
        # Threads may meet here: each step is atomic, and the worst is to compute again.
        known = self._young.get(key) or self._old.get(key)
        if known is None:
            known = compute()
        self._remember(key, known)
        return known

    def _remember(self, key: Hashable, known: str) -> None:
        if len(self._young) >= self._generation:
            self._old, self._young = self._young, {}
        self._young[key] = known
