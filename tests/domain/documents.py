"""Generated documents of Graph's shape, and the one-leaf changes that tests make in them."""

import copy
from collections.abc import Iterator

from hypothesis import strategies as st

Location = tuple[str | int, ...]
Document = dict[str, object]

NAMES = st.sampled_from(
    ["displayName", "description", "settings", "assignments", "roleScopeTagIds", "children", "rule",
     "passwordMinimumLength", "allowedApps", "a/b", "c~d", "größe", "value"]
)  # fmt: skip
SCALARS = (
    st.text(max_size=8)
    | st.integers(-(2**70), 2**70)
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, min_size=1, max_size=4)
    ),
    max_leaves=20,
)
DOCUMENTS: st.SearchStrategy[Document] = st.dictionaries(NAMES, VALUES, min_size=1, max_size=6)


def leaves(value: object, place: Location = ()) -> Iterator[Location]:
    """Yield the place of every plain value."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*place, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*place, index))
    else:
        yield place


def at(document: object, place: Location) -> object:
    """Return the value at a place."""
    value: object = document
    for step in place:
        value = value[step]  # type: ignore[index] # the place comes from this document
    return value


def replaced(document: Document, place: Location, value: object) -> Document:
    """Return a copy of the document with another value at one place."""
    changed = copy.deepcopy(document)
    owner = at(changed, place[:-1])
    owner[place[-1]] = value  # type: ignore[index] # the place comes from this document
    return changed
