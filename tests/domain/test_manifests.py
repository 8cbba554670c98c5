import random
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.manifests import (
    InvalidManifestEntryError,
    Manifest,
    TypeManifest,
    build_manifest,
    chunk_hash,
    chunk_size,
    parse_chunk,
    set_hash,
)

TENANT = UUID(int=7)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHAINED = TypeManifest("filter", "aa", is_complete=True)


def manifest(ids: list[str]) -> Manifest:
    return build_manifest("filter", [(object_id, f"hash-of-{object_id}") for object_id in ids])


def new_chunks(before: Manifest, after: Manifest) -> set[str]:
    return {chunk.hash for chunk in after.chunks} - {chunk.hash for chunk in before.chunks}


def test_manifest_holds_every_entry_once_in_order() -> None:
    ids = [f"object-{number}" for number in range(5_000)]
    rows = [row for chunk in manifest(ids).chunks for row in parse_chunk(chunk.payload)]
    assert [row.object_id for row in rows] == sorted(ids)
    assert rows[0].version_hash == "hash-of-object-0"
    assert all(chunk.entry_count <= 2 * chunk_size(5_000) for chunk in manifest(ids).chunks)


@pytest.mark.parametrize(
    ("entries", "size"), [(0, 16), (1_000, 16), (4_095, 16), (4_096, 32), (150_000, 128)]
)
def test_chunks_grow_with_the_root_of_their_number(entries: int, size: int) -> None:
    assert chunk_size(entries) == size


@settings(max_examples=30)
@given(st.lists(st.uuids().map(str), unique=True, max_size=50), st.randoms(use_true_random=False))
def test_manifest_does_not_depend_on_the_order_of_entries(
    ids: list[str], chance: random.Random
) -> None:
    shuffled = list(ids)
    chance.shuffle(shuffled)
    assert manifest(ids) == manifest(shuffled)


@given(st.integers(0, 2**32), st.integers(1, 6_000))
@settings(max_examples=30, deadline=None)
def test_manifest_with_an_object_more_or_less_shares_most_chunks(seed: int, size: int) -> None:
    # A size at which chunks grow makes all of them anew.
    assume(chunk_size(size) == chunk_size(size - 1))
    chance = random.Random(seed)
    ids = [f"{chance.getrandbits(64):x}-{number}" for number in range(size)]
    before, after = manifest(ids[1:]), manifest(ids)
    assert len(new_chunks(before, after)) <= 2
    # Chunks that the inserted one had joined come apart again.
    parted = [chunk for chunk in before.chunks if chunk.hash in new_chunks(after, before)]
    assert sum(chunk.entry_count for chunk in parted) <= 2 * (2 * chunk_size(size))


def test_manifest_with_one_changed_version_shares_all_but_one_chunk() -> None:
    entries = [(f"object-{number}", "a") for number in range(6_000)]
    before = build_manifest("filter", entries)
    after = build_manifest("filter", [*entries[1:], ("object-0", "b")])
    assert len(new_chunks(before, after)) == 1


def test_manifest_of_nothing_has_no_chunks_and_a_hash_of_its_type() -> None:
    empty = build_manifest("filter", [])
    assert empty.chunks == ()
    assert empty.hash != build_manifest("scopeTag", []).hash


@pytest.mark.parametrize("object_id", ["", "a\tb", "a\nb", "a\0", "\ud800"])
def test_manifest_refuses_ids_that_are_no_line_of_text(object_id: str) -> None:
    with pytest.raises(InvalidManifestEntryError):
        build_manifest("filter", [(object_id, "h")])


def test_manifest_refuses_an_object_twice() -> None:
    with pytest.raises(InvalidManifestEntryError):
        build_manifest("filter", [("a", "h"), ("a", "i")])


def test_chunk_is_named_by_its_content() -> None:
    chunk = manifest(["a"]).chunks[0]
    assert chunk.hash == chunk_hash(b"a\thash-of-a\n")


def test_set_hash_carries_everything_that_the_set_claims() -> None:
    complete = TypeManifest("scopeTag", "bb", is_complete=True)
    base = set_hash(None, TENANT, NOON, [CHAINED, complete])
    assert base == set_hash(None, TENANT, NOON, [complete, CHAINED])
    others = {
        set_hash("previous", TENANT, NOON, [CHAINED, complete]),
        set_hash(None, UUID(int=8), NOON, [CHAINED, complete]),
        set_hash(None, TENANT, NOON.replace(microsecond=1), [CHAINED, complete]),
        set_hash(None, TENANT, NOON, [CHAINED, TypeManifest("scopeTag", "bb", is_complete=False)]),
        set_hash(None, TENANT, NOON, [CHAINED]),
    }
    assert base not in others
    assert len(others) == 5
