"""Single requests: headers, tokens, retries, and errors that say nothing they must not."""

import base64
import json
import traceback

import pytest

from domain.provider_errors import Disposition, ProviderReason, RequestTarget
from graph.client import GraphClient
from graph.errors import (
    GraphError,
    GraphObjectNotFoundError,
    GraphPermissionDeniedError,
    GraphProtocolError,
    GraphThrottledError,
    GraphTokenRejectedError,
    GraphUnavailableError,
)
from tests.graph.clocks import FakeClock
from tests.graph.conftest import SECRET, Opened
from tests.graph.scripted_graph import Reply, ScriptedGraph, fault

PATH = "/deviceManagement/assignmentFilters"
FULL = f"/beta{PATH}"
PLANTED = (
    "eyJ0eXAiOiJKV1QiLCJub25jZSI6IlF3.eyJhdWQiOiJodHRwczovL2dyYXBo.ZkX2p",
    "admin@M365x94840470.onmicrosoft.com",
    "https://fef.msua09.manage.microsoft.com/DeviceFE",
    "client_secret=Qx~8Q~hT3v.dK1nR7-aaBbCcDdEeFfGg1234ab",
)


async def test_get_sends_token_request_id_and_background_headers(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(FULL, Reply({"value": []}))
    assert await client.get("beta", PATH) == {"value": []}
    headers = graph.seen[0].headers
    assert headers["Authorization"].startswith("Bearer ")
    assert headers["client-request-id"] == "00000000-0000-4000-8000-000000000001"
    assert headers["x-ms-throttle-priority"] == "Low"
    assert headers["Prefer"] == "include-unknown-enum-members"


async def test_first_401_refreshes_the_token_once(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(FULL, fault(401, "InvalidAuthenticationToken"), Reply({"ok": 1}))
    assert await client.get("beta", PATH) == {"ok": 1}
    first, second = (seen.headers["Authorization"] for seen in graph.seen)
    assert first != second
    assert len(graph.token_requests) == 2


async def test_second_401_is_refused_without_more_requests(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(FULL, fault(401, "InvalidAuthenticationToken"))
    with pytest.raises(GraphTokenRejectedError) as caught:
        await client.get("beta", PATH)
    assert caught.value.reason_code is ProviderReason.TOKEN_REJECTED
    assert caught.value.disposition is Disposition.FAILED
    assert len(graph.seen) == 2


async def test_claims_challenge_asks_for_a_token_with_the_claims(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    claims = base64.b64encode(json.dumps({"access_token": {"nbf": {"value": "1"}}}).encode())
    header = f'Bearer error="insufficient_claims", claims="{claims.decode()}"'
    challenge = Reply({"error": {"code": "x"}}, 401, {"WWW-Authenticate": header})
    graph.on(FULL, challenge, Reply({"ok": 1}))
    await client.get("beta", PATH)
    assert "nbf" in graph.token_requests[1]["claims"]


async def test_403_with_a_young_token_is_not_repeated(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(FULL, fault(403, "Authorization_RequestDenied"))
    with pytest.raises(GraphPermissionDeniedError):
        await client.get("beta", PATH)
    assert len(graph.seen) == 1


async def test_403_with_an_old_token_is_tried_with_a_new_one(
    graph: ScriptedGraph, client: GraphClient, clock: FakeClock
) -> None:
    graph.on(FULL, Reply({}), fault(403, "Authorization_RequestDenied"), Reply({"ok": 1}))
    await client.get("beta", PATH)
    clock.seconds += 400
    assert await client.get("beta", PATH) == {"ok": 1}
    assert len(graph.token_requests) == 2


@pytest.mark.parametrize(
    ("retry_after", "waits"),
    [
        pytest.param("3", [3.0, 3.0], id="integer"),
        pytest.param("2.128", [2.128, 2.128], id="decimal"),
        pytest.param("1", [1.0, 2.0], id="constant one grows"),
        pytest.param(None, [1.0, 2.0], id="missing gives backoff"),
        pytest.param("soon", [1.0, 2.0], id="unreadable gives backoff"),
    ],
)
async def test_throttled_request_waits_as_told(
    graph: ScriptedGraph,
    client: GraphClient,
    clock: FakeClock,
    retry_after: str | None,
    waits: list[float],
) -> None:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    throttled = Reply({"error": {"code": "TooManyRequests"}}, 429, headers)
    graph.on(FULL, throttled, throttled, Reply({"ok": 1}))
    assert await client.get("beta", PATH) == {"ok": 1}
    # The budget of the area is closed for the same time, which is over after the wait.
    assert clock.slept == pytest.approx(waits)


@pytest.mark.parametrize(
    "header", ["11", "300", "Sun, 01 Mar 2099 12:00:00 GMT"], ids=["11 s", "300 s", "far date"]
)
async def test_throttled_request_with_a_long_wait_leaves_the_slot(
    graph: ScriptedGraph, client: GraphClient, clock: FakeClock, header: str
) -> None:
    graph.on(FULL, fault(429, "TooManyRequests", Retry_After=header))
    with pytest.raises(GraphThrottledError) as caught:
        await client.get("beta", PATH)
    assert caught.value.retry_after
    assert caught.value.retry_after >= 11
    assert clock.slept == []


async def test_endless_throttling_with_short_waits_leaves_the_slot_within_ten_seconds(
    graph: ScriptedGraph, client: GraphClient, clock: FakeClock
) -> None:
    graph.on(FULL, fault(429, "UnknownError", Retry_After="1"))
    with pytest.raises(GraphThrottledError):
        await client.get("beta", PATH)
    assert sum(clock.slept) <= 10


async def test_server_failure_is_repeated_on_a_new_connection(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(FULL, Reply({}), fault(503, "serviceNotAvailable"), Reply({"ok": 1}))
    await client.get("beta", PATH)
    assert await client.get("beta", PATH) == {"ok": 1}
    first, failed, repeated = (seen.connection for seen in graph.seen)
    assert first == failed != repeated


async def test_reset_connection_is_repeated_then_reported(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(FULL, Reply(reset=True))
    with pytest.raises(GraphUnavailableError) as caught:
        await client.get("beta", PATH)
    assert caught.value.http_status is None
    assert len(graph.seen) == 4


async def test_lost_write_is_not_repeated(graph: ScriptedGraph, client: GraphClient) -> None:
    graph.on(FULL, Reply(reset=True))
    with pytest.raises(GraphUnavailableError):
        await client.post("beta", PATH, {"a": 1}, is_write=True)
    assert len(graph.seen) == 1


@pytest.mark.parametrize(
    ("reply", "detail"),
    [
        pytest.param(Reply(b'{"value": [{"id"'), "unreadable_json", id="cut off"),
        pytest.param(
            Reply(b"<html>", headers={"Content-Type": "text/html"}), "not_json", id="html"
        ),
        pytest.param(Reply(b"[]"), "not_an_object", id="a list"),
        pytest.param(Reply(b""), "empty_answer", id="nothing"),
        pytest.param(Reply(b'{"a":' * 300 + b"1" + b"}" * 300), "unreadable_json", id="deep"),
        pytest.param(Reply(b'{"a":"' + b"x" * 1_100_000 + b'"}'), "body_too_large", id="large"),
    ],
)
async def test_answer_that_breaks_the_protocol_is_reported_as_such(
    graph: ScriptedGraph, client: GraphClient, reply: Reply, detail: str
) -> None:
    graph.on(FULL, reply)
    with pytest.raises(GraphProtocolError) as caught:
        await client.get("beta", PATH)
    assert caught.value.facts.detail == detail


async def test_cut_off_answer_is_asked_for_again(graph: ScriptedGraph, client: GraphClient) -> None:
    graph.on(FULL, Reply(b'{"value": ['), Reply({"value": []}))
    assert await client.get("beta", PATH) == {"value": []}


async def test_redirect_is_not_followed(graph: ScriptedGraph, client: GraphClient) -> None:
    graph.on(FULL, Reply({}, 302, {"Location": "https://127.0.0.1:1/steal"}))
    with pytest.raises(GraphProtocolError):
        await client.get("beta", PATH)
    assert len(graph.seen) == 1


async def test_html_error_page_with_404_is_no_proof_that_an_object_is_gone(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(FULL, Reply(b"<html>", 404, {"Content-Type": "text/html"}))
    with pytest.raises(GraphProtocolError):
        await client.get("beta", PATH, target=RequestTarget.OBJECT)


async def test_missing_object_is_told_from_a_missing_endpoint(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(FULL, fault(404, "ResourceNotFound"))
    with pytest.raises(GraphObjectNotFoundError):
        await client.get("beta", PATH, target=RequestTarget.OBJECT)
    with pytest.raises(GraphError) as caught:
        await client.get("beta", PATH)
    assert caught.value.reason_code is ProviderReason.ENDPOINT_UNAVAILABLE


async def test_error_keeps_the_facts_and_none_of_the_text(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    text = (
        "Application is not authorized to perform this operation. Application must have one of "
        "the following scopes: DeviceManagementConfiguration.Read.All, "
        "DeviceManagementConfiguration.ReadWrite.All - Operation ID (for customer support): "
        "00000000-0000-0000-0000-000000000000 - Activity ID: "
        f"9567c8a9-0000-4000-8000-000000000001 - Url: {' '.join(PLANTED)}"
    )
    reply = fault(403, "Forbidden", json.dumps({"_version": 3, "Message": text}))
    reply.headers["request-id"] = "5f0e8a9e-0000-4000-8000-00000000000a"
    graph.on(FULL, reply)
    with pytest.raises(GraphPermissionDeniedError) as caught:
        await client.get("beta", PATH)
    error = caught.value
    assert error.disposition is Disposition.BLOCKED
    assert error.missing_scopes == (
        "DeviceManagementConfiguration.Read.All",
        "DeviceManagementConfiguration.ReadWrite.All",
    )
    assert error.facts.activity_id == "9567c8a9-0000-4000-8000-000000000001"
    assert error.request_id == "5f0e8a9e-0000-4000-8000-00000000000a"
    assert error.path_template == PATH.join(("/beta", ""))
    assert_nothing_leaks(error)


async def test_secrets_of_any_answer_are_never_in_errors(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    for status in (400, 401, 403, 404, 409, 410, 423, 429, 500, 503):
        planted = {"error": {"code": PLANTED[0], "message": " ".join(PLANTED), "extra": PLANTED}}
        graph.on(FULL, Reply(planted, status, {"Retry-After": "99", "Set-Cookie": PLANTED[0]}))
        with pytest.raises(GraphError) as caught:
            await client.get("beta", PATH)
        assert_nothing_leaks(caught.value)


async def test_path_template_hides_ids_that_look_like_words(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    with pytest.raises(GraphError) as caught:
        await client.get("beta", "/groups/JohnDoe/members")
    assert caught.value.path_template == "/beta/groups/{id}/members"


async def test_token_roles_are_read_without_a_request_to_graph(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.roles = ["Policy.Read.All", "not a role <script>"]
    assert await client.token_roles() == ("Policy.Read.All",)
    assert graph.seen == []


async def test_client_shows_no_secret(opened: Opened) -> None:
    await opened.tokens.get()
    token = (await opened.tokens.get()).value
    for thing in (opened.client, opened.tokens, await opened.tokens.get()):
        assert SECRET not in repr(thing)
        assert token not in repr(thing)


def assert_nothing_leaks(error: BaseException) -> None:
    """Look for planted text in everything that a log or a history could keep of an error."""
    shown = "".join(traceback.format_exception(error)) + str(error) + repr(error)
    shown += repr(vars(error)) + repr(error.args)
    assert error.__cause__ is None
    assert error.__context__ is None
    for planted in (*PLANTED, SECRET, "Bearer", "127.0.0.1"):
        assert planted not in shown
