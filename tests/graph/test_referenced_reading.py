"""Objects that are read by the ids of those who refer to them: whole, missing, or refused."""

from collections.abc import Sequence

import pytest

from domain.provider_errors import ProviderReason
from domain.resource_types.directory import GROUP
from graph.client import GraphClient
from graph.errors import GraphPageTokenExpiredError, GraphPermissionDeniedError
from graph.reading import ListingPage
from graph.referenced_reading import ReferencedReader
from tests.graph.scripted_graph import Reply, ScriptedGraph, fault, page

ANY = "/v1.0/groups?$select=id&$top=1"
DENIED = fault(403, "Authorization_RequestDenied")
NOT_THERE = fault(404, "Request_ResourceNotFound")


def path_of(object_id: str) -> str:
    assert GROUP.item is not None
    return f"/v1.0/groups/{object_id}?{GROUP.item.query}"


def reader(client: GraphClient, *ids: str) -> ReferencedReader:
    async def referenced() -> Sequence[str]:
        return ids

    return ReferencedReader(client, GROUP, referenced)


async def pages_of(client: GraphClient, *ids: str, cursor: str | None = None) -> list[ListingPage]:
    return [found async for found in reader(client, *ids).pages(cursor)]


def groups(graph: ScriptedGraph, *ids: str) -> None:
    for object_id in ids:
        graph.on(
            path_of(object_id), Reply({"id": object_id, "displayName": f"Name of {object_id}"})
        )


async def test_referenced_objects_are_read_whole_with_their_type(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    groups(graph, "a", "b")
    (found,) = await pages_of(client, "a", "b")
    assert (found.cursor, found.page_number) == (None, 1)
    assert [item.object_id for item in found.documents] == ["a", "b"]
    assert found.documents[0].document == {
        "id": "a",
        "displayName": "Name of a",
        "@odata.type": "#microsoft.graph.group",
    }


async def test_object_that_is_not_there_fails_with_its_404_and_keeps_no_other_back(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    groups(graph, "a")
    graph.on(path_of("b"), NOT_THERE)
    (found,) = await pages_of(client, "a", "b")
    there, gone = found.documents
    assert there.failure is None
    assert gone.failure is not None
    assert gone.failure.reason_code is ProviderReason.OBJECT_NOT_FOUND


async def test_many_objects_come_in_pages_that_go_on_from_their_cursor(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    ids = [f"g{number:04}" for number in range(450)]
    groups(graph, *ids)
    whole = await pages_of(client, *ids)
    assert [len(found.documents) for found in whole] == [200, 200, 50]
    assert [found.page_number for found in whole] == [1, 2, 3]
    rest = await pages_of(client, *ids[200:], cursor=whole[0].cursor)
    assert [found.page_number for found in rest] == [2, 3]
    assert [item.object_id for found in rest for item in found.documents] == ids[200:]


async def test_early_pages_leave_the_reading_open(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    ids = [f"g{number:04}" for number in range(250)]
    groups(graph, *ids)
    early = [found async for found in reader(client).early_pages(None, ids)]
    assert [len(found.documents) for found in early] == [200, 50]
    assert None not in [found.cursor for found in early]
    (last,) = await pages_of(client, cursor=early[-1].cursor)
    assert (last.documents, last.cursor, last.page_number) == ([], None, 3)
    # All there is was read early: that it may be read needs no asking.
    assert ANY not in graph.paths()
    assert [found async for found in reader(client).early_pages(None, [])] == []


async def test_reading_that_nothing_refers_to_still_asks_for_the_right(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(ANY, page())
    (found,) = await pages_of(client)
    assert (found.documents, found.cursor) == ([], None)
    assert graph.paths() == [ANY]
    graph.on(ANY, DENIED)
    with pytest.raises(GraphPermissionDeniedError) as caught:
        await pages_of(client)
    assert caught.value.resource_type == "group"


async def test_right_that_is_missing_ends_the_type_and_not_object_by_object(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    for object_id in ("a", "b"):
        graph.on(path_of(object_id), DENIED)
    with pytest.raises(GraphPermissionDeniedError) as caught:
        await pages_of(client, "a", "b")
    assert caught.value.resource_type == "group"


async def test_one_object_that_may_not_be_read_fails_alone(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    groups(graph, "a")
    graph.on(path_of("b"), DENIED)
    (found,) = await pages_of(client, "a", "b")
    failures = [item.failure and item.failure.reason_code for item in found.documents]
    assert failures == [None, ProviderReason.PERMISSION_DENIED]


@pytest.mark.parametrize("cursor", ["", "{}", '{"after": 3, "page": "x"}', "[]"])
async def test_cursor_that_cannot_be_read_begins_again(client: GraphClient, cursor: str) -> None:
    with pytest.raises(GraphPageTokenExpiredError):
        await pages_of(client, "a", cursor=cursor)


async def test_reference_is_no_listing(client: GraphClient) -> None:
    assert await reader(client, "a").still_listed(["a"]) == set()
