"""Pages: opaque links, never off our host, and continuations that are refused."""

import pytest

from domain.provider_errors import ProviderReason
from graph.client import GraphClient
from graph.errors import GraphError, GraphPageTokenExpiredError, GraphProtocolError
from graph.links import checked_link, path_segment, relative_link, string_literal, with_query
from tests.graph.scripted_graph import Reply, ScriptedGraph, fault, page

PATH = "/deviceManagement/configurationPolicies"
ROOT = "https://graph.microsoft.com"


async def collect(client: GraphClient, resume: str | None = None) -> list[object]:
    return [
        item["id"] async for found in client.pages("beta", PATH, resume) for item in found.items
    ]


async def test_pages_follow_the_link_as_it_came_through_empty_pages(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    second = f"/beta{PATH}?$skiptoken=%255Bcosmosdb%255D%252B{'x' * 40}"
    third = f"/beta{PATH}?$skip=2&$filter=a%20eq%20'b'"
    graph.on(f"/beta{PATH}", page({"id": "1"}, next_link=graph.link(second)))
    graph.on(second, page(next_link=graph.link(third)))
    graph.on(third, page({"id": "2"}))
    assert await collect(client) == ["1", "2"]


async def test_pages_resume_from_a_stored_link(graph: ScriptedGraph, client: GraphClient) -> None:
    second = f"/beta{PATH}?$skiptoken=b"
    graph.on(f"/beta{PATH}", page({"id": "1"}, next_link=graph.link(second)))
    graph.on(second, page({"id": "2"}))
    first, _last = [found async for found in client.pages("beta", PATH)]
    assert first.next_link == second
    assert await collect(client, first.next_link) == ["2"]


@pytest.mark.parametrize(
    "reply",
    [
        fault(400, "Directory_ExpiredPageToken"),
        fault(400, "BadRequest"),
        fault(404, "UnknownError"),
        fault(410, "syncStateNotFound"),
    ],
    ids=["named", "400", "404 without message", "410"],
)
async def test_refused_continuation_asks_for_a_restart(
    graph: ScriptedGraph, client: GraphClient, reply: Reply
) -> None:
    graph.on(f"/beta{PATH}?$skiptoken=b", reply)
    with pytest.raises(GraphPageTokenExpiredError):
        await collect(client, f"/beta{PATH}?$skiptoken=b")


async def test_bad_first_request_is_no_expired_page_token(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(f"/beta{PATH}", fault(400, "BadRequest"))
    with pytest.raises(GraphError) as caught:
        await collect(client)
    assert caught.value.reason_code is ProviderReason.REQUEST_REJECTED


async def test_foreign_next_link_never_gets_the_token(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(f"/beta{PATH}", page({"id": "1"}, next_link="https://evil.example/beta/x"))
    with pytest.raises(GraphProtocolError) as caught:
        await collect(client)
    assert caught.value.facts.detail == "foreign_next_link"
    assert len(graph.seen) == 1


async def test_listing_that_leads_in_a_circle_ends(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    second, third = f"/beta{PATH}?$skiptoken=b", f"/beta{PATH}?$skiptoken=c"
    graph.on(f"/beta{PATH}", page(next_link=graph.link(second)))
    graph.on(second, page(next_link=graph.link(third)))
    graph.on(third, page(next_link=graph.link(second)))
    with pytest.raises(GraphProtocolError) as caught:
        await collect(client)
    assert caught.value.facts.detail == "endless_listing"


@pytest.mark.parametrize("body", [{}, {"value": {}}, {"value": None}, {"value": [1]}], ids=str)
async def test_answer_that_is_no_collection_is_not_an_empty_one(
    graph: ScriptedGraph, client: GraphClient, body: object
) -> None:
    graph.on(f"/beta{PATH}", Reply(body))
    with pytest.raises(GraphProtocolError):
        await collect(client)


@pytest.mark.parametrize(
    "link",
    [
        "http://graph.microsoft.com/beta/x",
        "https://graph.microsoft.com.evil.example/beta/x",
        "https://graph.microsoft.com@evil.example/beta/x",
        "https://user:pass@graph.microsoft.com/beta/x",
        "https://graph.microsoft.com:444/beta/x",
        "https://graph.microsoft.com/v1.0/x",
        "https://graph.microsoft.com/beta/../v1.0/x",
        "https://graph.microsoft.com/beta/%2e%2e/x",
        "https://graph.microsoft.com/beta//evil.example/x",
        "https://graph.microsoft.com\\@evil.example/beta/x",
        "https://graph.microsoft.com/beta/x\r\nHost: evil",
        "https://graph.microsoft.com/beta/x#fragment",
        "//graph.microsoft.com/beta/x",
        "/beta/x",
        "https://[graph/beta/x",
        "https://graph.microsoft.com/beta/" + "x" * 20_000,
        7,
        {"href": "https://graph.microsoft.com/beta/x"},
    ],
)
def test_relative_link_refuses_all_but_the_configured_root(link: object) -> None:
    with pytest.raises(GraphProtocolError):
        relative_link(ROOT, "beta", link)


def test_relative_link_keeps_path_and_query_verbatim() -> None:
    tail = "/beta/deviceManagement/x?$skiptoken=%255Bcosmosdb%255D&$filter=a%20eq%20'b'"
    assert relative_link(ROOT, "beta", "HTTPS://Graph.Microsoft.com" + tail) == tail


def test_relative_link_quotes_what_an_address_cannot_hold() -> None:
    link = relative_link(ROOT, "beta", f"{ROOT}/beta/x?$filter=name eq 'Büro'")
    assert link == "/beta/x?$filter=name%20eq%20'B%C3%BCro'"


@pytest.mark.parametrize("stored", ["//evil.example/beta/x", "/v1.0/x", "beta/x", "/beta/../x"])
def test_checked_link_refuses_a_stored_link_that_leads_away(stored: str) -> None:
    with pytest.raises(GraphProtocolError):
        checked_link("beta", stored)


@pytest.mark.parametrize(
    ("object_id", "quoted"),
    [
        ("0c1e", "0c1e"),
        ("a/b", "a%2Fb"),
        ("a'b", "a%27b"),
        ("a%2Fb", "a%252Fb"),
        ("../x", "..%2Fx"),
        ("a?b#c", "a%3Fb%23c"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("T_Windows10EnrollmentCompletionPageConfiguration",) * 2,
    ],
)
def test_path_segment_quotes_ids_as_one_segment(object_id: str, quoted: str) -> None:
    assert path_segment(object_id) == quoted


@pytest.mark.parametrize("object_id", ["", ".", "..", "...", "a\nb", "x" * 1001, None, 7, "\ud800"])
def test_path_segment_refuses_ids_that_could_climb(object_id: object) -> None:
    with pytest.raises(GraphProtocolError):
        path_segment(object_id)


def test_queries_and_literals_are_quoted() -> None:
    assert string_literal("o'neil") == "o%27%27neil"
    assert with_query("/a", "$filter=x eq 'y'&$expand=b($expand=c)") == (
        "/a?$filter=x%20eq%20'y'&$expand=b($expand=c)"
    )
