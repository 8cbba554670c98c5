"""Finding an object of a backup set by its id, the start of its id, or its name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from commands.errors import InputError
from commands.session import Session

if TYPE_CHECKING:
    from services.sets.backup_sets import BackupSet, SetEntry, SetType

_SHORTEST_PREFIX = 4
_MOST_SHOWN = 3


def checked_type(wanted: str, types: "Sequence[SetType]") -> str:
    """Return the key of a resource type that the set has; raises InputError."""
    keys = [of_set.resource_type for of_set in types]
    found = next((key for key in keys if key.lower() == wanted.strip().lower()), None)
    if found is None:
        raise InputError("--type", "is no resource type of this set", f"choose from {_and(keys)}")
    return found


async def find_object(session: Session, found: "BackupSet", key: str, wanted: str) -> str:
    """Return the id of the object that is meant; raises InputError when none or several are."""
    entries = await session.services.backup_sets.entries(found.workspace_id, found.id, key)
    text = wanted.strip()
    fits = [entry for entry in entries if text.lower() == entry.object_id.lower()]
    fits = fits or [entry for entry in entries if entry.name == text]
    if not fits and len(text) >= _SHORTEST_PREFIX:
        fits = [entry for entry in entries if entry.object_id.lower().startswith(text.lower())]
    if len(fits) == 1:
        return fits[0].object_id
    mend = f"see `tenantops backup show SET --type {key}`"
    if fits:
        raise InputError(
            "--object", f"fits {len(fits)} objects", f"give more of the id: {_shown(fits)}"
        )
    raise InputError("--object", "names no object of this type in the set", mend)


def _shown(entries: "Sequence[SetEntry]") -> str:
    return ", ".join(f"{entry.object_id} ({entry.name})" for entry in entries[:_MOST_SHOWN])


def _and(keys: Sequence[str]) -> str:
    return ", ".join(keys) if keys else "another set: this one is empty"
