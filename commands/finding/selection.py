"""Finding a thing among its kind by what people type: a name, an id, the start of an id."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from commands.errors import InputError

# Shorter starts of UUIDv7 ids say nothing: everything of one month begins alike.
_SHORTEST_PREFIX = 4
_MOST_SHOWN = 5


class Named(Protocol):
    """What can be chosen."""

    @property
    def id(self) -> UUID:
        """Its id."""

    @property
    def name(self) -> str:
        """Its name."""


Thing = TypeVar("Thing", bound=Named)


def choose(
    known: Sequence[Thing],
    wanted: str,
    field: str,
    kind: str,
    *,
    also: Callable[[Thing], str] | None = None,
    prefer: Callable[[Thing], bool] | None = None,
) -> Thing:
    """Return the one thing that is meant: by its name, by an id, or by the start of its id.

    `also` gives a further id, such as the one at Microsoft. `prefer` decides among several of one
    name. Raises InputError naming the choices.
    """
    text = wanted.strip()
    exact = [thing for thing in known if text in _ids(thing, also) or text == thing.name]
    found = exact or [thing for thing in known if text.lower() == thing.name.lower()]
    if not found and len(text) >= _SHORTEST_PREFIX:
        found = [thing for thing in known if str(thing.id).startswith(text.lower())]
    if prefer is not None and len(found) > 1:
        found = [thing for thing in found if prefer(thing)] or found
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(field, f"fits {len(found)} {kind}s", f"give the id: {_listed(found)}")
    mend = f"choose from {_listed(known)}" if known else "there are none yet"
    raise InputError(field, f"names no {kind}", mend)


def only(known: Sequence[Thing], field: str, kind: str, mend: str) -> Thing:
    """Return the one thing there is; raises InputError when there are none or several."""
    if len(known) == 1:
        return known[0]
    if known:
        raise InputError(field, f"there is more than one {kind}", f"name one: {_listed(known)}")
    raise InputError(field, f"there is no {kind}", mend)


def _ids(thing: Thing, also: Callable[[Thing], str] | None) -> set[str]:
    return {str(thing.id)} if also is None else {str(thing.id), also(thing)}


def _listed(things: Sequence[Named]) -> str:
    shown = [f"{thing.name} ({str(thing.id)[:18]})" for thing in things[:_MOST_SHOWN]]
    rest = len(things) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")
