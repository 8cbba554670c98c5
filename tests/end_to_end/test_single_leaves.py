"""One changed leaf of a tenant's document is named by its path, and nothing else is (D9)."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devstack.graph_service.catalog import CATALOG
from devstack.graph_service.config import Profile
from devstack.graph_service.exports import read_json
from devstack.graph_service.generation import World
from domain.canonical_rules import rules_of
from domain.diff import diff
from domain.resource_types.registry import RESOURCE_TYPES
from tests.end_to_end.truth import PLACES

REAL_EXPORTS = Path(__file__).parents[3] / "shared/graph/data"
Document = dict[str, Any]
Steps = tuple[str | int, ...]
BODIES = 6


@cache
def documents_of(key: str) -> list[Document]:
    """Return bodies of a type: real exports where there are some, and generated ones."""
    path, belongs = PLACES[key]
    collection = CATALOG.get(path)
    world = World(seed=7, tenant=0, profile=Profile.S, counts={})
    bodies = [world.body(collection.key, number) for number in range(60)]
    return [*real_exports(path), *[body for body in bodies if belongs(body)][:BODIES]]


@cache
def real_exports(path: str) -> list[Document]:
    index = REAL_EXPORTS / "index.json"
    if not index.exists():
        return []
    files = [row["file"] for row in json.loads(index.read_text()) if f"/{row['resource']}" == path]
    bodies = [read_json(REAL_EXPORTS / file) for file in files]
    return [body for body in bodies if isinstance(body, dict) and "filters" not in body][:BODIES]


def leaves(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*steps, name))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from leaves(item, (*steps, position))
    else:
        yield steps


def pointer(steps: Steps) -> str:
    return "".join(f"/{str(s).replace('~', '~0').replace('/', '~1')}" for s in steps)


def counts(key: str, steps: Steps) -> bool:
    """Whether a leaf is configuration, by what the registry says of its type in plain data."""
    entry = RESOURCE_TYPES[key]
    if any("@odata." in str(step) and step != "@odata.type" for step in steps):
        return False
    if any(str(step).startswith("#microsoft.graph.") for step in steps):
        return False
    return not any(covers(pattern, steps) for pattern in entry.volatile) and not any(
        covers(f"{pattern}/*/id", steps) for pattern in entry.positional_ids
    )


def covers(pattern: str, steps: Steps) -> bool:
    names = pattern.split("/")
    return len(names) <= len(steps) and all(
        name == "*" or name == str(step) for name, step in zip(names, steps, strict=False)
    )


def changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return "another" if value is None else f"{value} and more"


@pytest.mark.parametrize("key", sorted(PLACES))
@given(data=st.data())
@settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_one_changed_leaf_is_named_by_its_path(key: str, data: st.DataObject) -> None:
    before = data.draw(st.sampled_from(documents_of(key)), label="document")
    steps = data.draw(st.sampled_from(list(leaves(before))), label="leaf")
    after = json.loads(json.dumps(before))
    place: Any = after
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = changed(place[steps[-1]])

    found = diff(before, after, rules_of(RESOURCE_TYPES[key]))

    expected = [pointer(steps)] if counts(key, steps) else []
    # A type or a flag says whether the value beside it is a secret: that value shows otherwise too.
    named = [c.pointer for c in found if not c.is_secret or c.pointer in expected]
    assert named == expected
