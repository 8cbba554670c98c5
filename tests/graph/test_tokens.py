"""Tokens over the real azure-identity against a scripted sign-in service."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from domain.provider_errors import Disposition, ProviderReason
from graph.clouds import GraphEndpoint, custom_endpoint
from graph.credentials import (
    ClientCertificate,
    ClientSecret,
    CredentialSecret,
    WorkloadIdentity,
    open_credential,
)
from graph.errors import (
    GraphCredentialRefusedError,
    GraphError,
    GraphThrottledError,
    GraphUnavailableError,
)
from graph.tokens import TokenCache, TokenKey, TokenSource, token_roles
from tests.graph.certificates import make_client_certificate
from tests.graph.clocks import FakeClock
from tests.graph.conftest import IDENTITY, SECRET, TENANT
from tests.graph.scripted_graph import Reply, ScriptedGraph, jwt

SourceOf = Callable[[CredentialSecret], TokenSource]


@pytest_asyncio.fixture
async def source_of(endpoint: GraphEndpoint, clock: FakeClock) -> AsyncIterator[SourceOf]:
    made: list[TokenSource] = []

    def make(secret: CredentialSecret) -> TokenSource:
        def open_() -> Any:
            return open_credential(endpoint, IDENTITY, secret)

        made.append(TokenSource(open_, endpoint.scope, pacing=clock.pacing()))
        return made[-1]

    yield make
    for source in made:
        await source.close()


def refusal(number: int, error: str = "invalid_client", status: int = 401) -> Reply:
    text = f"AADSTS{number}: Invalid client secret for app 'a8fd' of 'jane.doe@fabrikam.com'."
    return Reply(
        {"error": error, "error_description": text, "error_codes": [number], "trace_id": "x"},
        status,
    )


async def test_secret_gives_a_token_that_is_asked_for_once(
    graph: ScriptedGraph, source_of: SourceOf
) -> None:
    source = source_of(ClientSecret(SECRET))
    tokens = await asyncio.gather(*[source.get() for _ in range(20)])
    assert len(set(tokens)) == 1
    assert len(graph.token_requests) == 1
    assert graph.token_requests[0]["client_secret"] == SECRET
    assert graph.token_requests[0]["scope"] == f"{graph.root}/.default"


async def test_certificate_signs_an_assertion(graph: ScriptedGraph, source_of: SourceOf) -> None:
    await source_of(ClientCertificate(make_client_certificate())).get()
    assert graph.token_requests[0]["client_assertion"].count(".") == 2
    assert "client_secret" not in graph.token_requests[0]


async def test_workload_identity_sends_the_token_of_its_file(
    graph: ScriptedGraph, source_of: SourceOf, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("federated-token")
    await source_of(WorkloadIdentity(tmp_path / "token")).get()
    assert graph.token_requests[0]["client_assertion"] == "federated-token"


async def test_missing_token_file_is_a_credential_that_is_not_there(source_of: SourceOf) -> None:
    with pytest.raises(GraphCredentialRefusedError) as caught:
        await source_of(WorkloadIdentity(Path("/nowhere/token"))).get()
    assert caught.value.reason_code is ProviderReason.CREDENTIAL_UNAVAILABLE


async def test_malformed_certificate_is_refused_before_any_request(
    graph: ScriptedGraph, source_of: SourceOf
) -> None:
    with pytest.raises(GraphCredentialRefusedError) as caught:
        await source_of(ClientCertificate(b"not a certificate")).get()
    assert caught.value.reason_code is ProviderReason.CREDENTIAL_INVALID
    assert graph.token_requests == []


async def test_token_is_refreshed_before_it_ends(
    graph: ScriptedGraph, source_of: SourceOf, clock: FakeClock
) -> None:
    source = source_of(ClientSecret(SECRET))
    first = await source.get()
    clock.seconds += 3600 - 301
    assert await source.get() == first
    clock.seconds += 2
    assert await source.get() != first


async def test_failed_early_refresh_keeps_the_token_that_is_still_good(
    graph: ScriptedGraph, source_of: SourceOf, clock: FakeClock
) -> None:
    graph.token_lifetime = 200
    source = source_of(ClientSecret(SECRET))
    first = await source.get()
    graph.token_script = [Reply({"error": "temporarily_unavailable"}, 503)] * 9
    clock.seconds += 160
    assert await source.get() == first


async def test_replace_asks_once_for_all_tasks_that_saw_the_refusal(
    graph: ScriptedGraph, source_of: SourceOf
) -> None:
    source = source_of(ClientSecret(SECRET))
    rejected = await source.get()
    tokens = await asyncio.gather(*[source.replace(rejected) for _ in range(10)])
    assert len(set(tokens)) == 1
    assert tokens[0] != rejected
    assert len(graph.token_requests) == 2


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (7000215, ProviderReason.CREDENTIAL_INVALID),
        (7000222, ProviderReason.CREDENTIAL_EXPIRED),
        (700016, ProviderReason.APP_NOT_FOUND),
        (90002, ProviderReason.TENANT_NOT_FOUND),
        (53003, ProviderReason.CONDITIONAL_ACCESS),
    ],
)
async def test_refusal_is_mapped_by_its_number_and_asked_for_once(
    graph: ScriptedGraph, source_of: SourceOf, number: int, reason: ProviderReason
) -> None:
    graph.token_script = [refusal(number)] * 9
    source = source_of(ClientSecret(SECRET))
    for _ in range(5):
        with pytest.raises(GraphCredentialRefusedError) as caught:
            await source.get()
    assert caught.value.reason_code is reason
    assert caught.value.aadsts_code == number
    assert caught.value.disposition is Disposition.BLOCKED
    assert len(graph.token_requests) == 1


async def test_refusal_is_tried_again_after_a_minute(
    graph: ScriptedGraph, source_of: SourceOf, clock: FakeClock
) -> None:
    graph.token_script = [refusal(7000215)]
    source = source_of(ClientSecret(SECRET))
    with pytest.raises(GraphCredentialRefusedError):
        await source.get()
    clock.seconds += 61
    assert (await source.get()).value


async def test_refusal_says_nothing_of_the_text(graph: ScriptedGraph, source_of: SourceOf) -> None:
    graph.token_script = [refusal(7000215)]
    with pytest.raises(GraphCredentialRefusedError) as caught:
        await source_of(ClientSecret(SECRET)).get()
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(vars(error))
    for planted in (SECRET, "jane.doe", "a8fd", "Invalid client", "127.0.0.1"):
        assert planted not in shown
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_clock_skew_is_tried_once_more(graph: ScriptedGraph, source_of: SourceOf) -> None:
    graph.token_script = [refusal(700024)]
    assert (await source_of(ClientSecret(SECRET)).get()).value
    assert len(graph.token_requests) == 2


async def test_request_loop_waits_long(graph: ScriptedGraph, source_of: SourceOf) -> None:
    graph.token_script = [refusal(50196, "invalid_grant", 400)]
    with pytest.raises(GraphThrottledError) as caught:
        await source_of(ClientSecret(SECRET)).get()
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 300


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(b"<html>", 503, {"Content-Type": "text/html"}), id="html page"),
        pytest.param(Reply({"error": "temporarily_unavailable"}, 400), id="named"),
        pytest.param(refusal(90033, "invalid_request", 400), id="transient number"),
        pytest.param(Reply({"error": "slow_down"}, 429, {"Retry-After": "2"}), id="429"),
    ],
)
async def test_transient_failure_is_repeated(
    graph: ScriptedGraph, source_of: SourceOf, reply: Reply
) -> None:
    graph.token_script = [reply]
    assert (await source_of(ClientSecret(SECRET)).get()).value


async def test_sign_in_that_stays_away_is_unavailable(
    graph: ScriptedGraph, source_of: SourceOf
) -> None:
    graph.token_script = [Reply({"error": "temporarily_unavailable"}, 503)] * 9
    with pytest.raises(GraphUnavailableError):
        await source_of(ClientSecret(SECRET)).get()
    assert len(graph.token_requests) == 3


async def test_unreachable_sign_in_is_unavailable(clock: FakeClock) -> None:
    nowhere = custom_endpoint(authority="https://127.0.0.1:1", graph_root="https://127.0.0.1:1")
    source = TokenSource(
        lambda: open_credential(nowhere, IDENTITY, ClientSecret(SECRET)),
        nowhere.scope,
        pacing=clock.pacing(),
    )
    with pytest.raises(GraphUnavailableError):
        await source.get()
    await source.close()


async def test_untrusted_sign_in_is_a_tls_failure(graph: ScriptedGraph, clock: FakeClock) -> None:
    untrusting = custom_endpoint(authority=graph.root, graph_root=graph.root)
    source = TokenSource(
        lambda: open_credential(untrusting, IDENTITY, ClientSecret(SECRET)),
        untrusting.scope,
        pacing=clock.pacing(),
    )
    with pytest.raises(GraphError) as caught:
        await source.get()
    assert caught.value.reason_code is ProviderReason.TLS
    await source.close()


async def test_cache_gives_one_source_for_a_key(source_of: SourceOf) -> None:
    cache = TokenCache()
    key = TokenKey("login", TENANT, "app", "1")
    one = cache.source(key, lambda: source_of(ClientSecret(SECRET)))
    assert cache.source(key, lambda: source_of(ClientSecret("other"))) is one
    rotated = TokenKey("login", TENANT, "app", "2")
    assert cache.source(rotated, lambda: source_of(ClientSecret("other"))) is not one
    await cache.close()


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.!!!.c", jwt([])])
def test_token_without_readable_roles_has_none(token: str) -> None:
    assert token_roles(token) == ()
