"""A person's sign-in against a scripted sign-in service: what is asked, waited for and refused."""

import traceback
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from domain.provider_errors import ProviderReason
from graph.clouds import ENDPOINTS, Cloud, GraphEndpoint
from graph.credentials import AppIdentity
from graph.delegated_tokens import DelegatedTokens, delegated_scope
from graph.device_sign_in import DeviceSignIn, SignedIn, SignInPrompt
from graph.errors import (
    GraphCredentialRefusedError,
    GraphError,
    GraphProtocolError,
    GraphUnavailableError,
)
from tests.graph.clocks import FakeClock
from tests.graph.conftest import APP, TENANT
from tests.graph.scripted_graph import Reply, ScriptedGraph

CODE_PATH = "/organizations/oauth2/v2.0/devicecode"
READ = "DeviceManagementConfiguration.Read.All"
PENDING = Reply({"error": "authorization_pending", "error_codes": [70016]}, 400)
SLOW_DOWN = Reply({"error": "slow_down"}, 400)
CODE = {
    "device_code": "GAQABAAEAAA-secret",
    "user_code": "ABCD1234",
    "verification_uri": "https://microsoft.com/devicelogin",
    "expires_in": 900,
    "interval": 5,
}


class Person:
    """A sign-in that remembers what it was told to show."""

    def __init__(self, endpoint: GraphEndpoint, clock: FakeClock) -> None:
        self.prompts: list[SignInPrompt] = []
        identity = AppIdentity("organizations", APP)
        pacing = clock.pacing()
        self.sign_in = DeviceSignIn(endpoint, identity, self.prompts.append, pacing=pacing)
        self.tokens = DelegatedTokens(self.sign_in, endpoint, [READ], pacing=pacing)


@pytest_asyncio.fixture
async def person(
    graph: ScriptedGraph, endpoint: GraphEndpoint, clock: FakeClock
) -> AsyncIterator[Person]:
    graph.on(CODE_PATH, Reply(CODE))
    person = Person(endpoint, clock)
    yield person
    await person.tokens.close()


async def test_code_is_shown_and_polled_until_the_person_has_signed_in(
    graph: ScriptedGraph, person: Person, clock: FakeClock
) -> None:
    graph.token_script = [PENDING, PENDING]
    assert (await person.tokens.get()).value
    shown = person.prompts[0]
    assert (shown.address, shown.code) == (CODE["verification_uri"], "ABCD1234")
    assert shown.ends_at == clock.start + timedelta(minutes=15)
    assert clock.slept == [5.0, 5.0, 5.0]
    assert person.sign_in.signed_in == SignedIn(TENANT, "p")


async def test_scopes_are_those_of_the_cloud_and_what_a_long_read_needs(
    graph: ScriptedGraph, person: Person
) -> None:
    await person.tokens.get()
    assert isinstance(graph.seen[0].body, str)
    assert f"{graph.root}/{READ}".replace(":", "%3A").replace("/", "%2F") in graph.seen[0].body
    assert "offline_access" in graph.seen[0].body
    china = delegated_scope(ENDPOINTS[Cloud.CHINA], [READ])
    assert china == f"https://microsoftgraph.chinacloudapi.cn/{READ}"


async def test_told_to_slow_down_it_asks_less_often(
    graph: ScriptedGraph, person: Person, clock: FakeClock
) -> None:
    graph.token_script = [SLOW_DOWN, PENDING]
    await person.tokens.get()
    assert clock.slept == [5.0, 10.0, 10.0]


async def test_outage_while_waiting_does_not_end_the_sign_in(
    graph: ScriptedGraph, person: Person
) -> None:
    page = Reply(b"<html>", 503, {"Content-Type": "text/html"})
    graph.token_script = [page, PENDING]
    assert (await person.tokens.get()).value


async def test_code_that_nobody_enters_expires_without_another_word_of_the_service(
    graph: ScriptedGraph, person: Person
) -> None:
    graph.token_script = [PENDING] * 400
    with pytest.raises(GraphCredentialRefusedError) as caught:
        await person.tokens.get()
    assert caught.value.reason_code is ProviderReason.SIGN_IN_EXPIRED
    assert len(graph.token_requests) == 179


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": "authorization_declined"}, ProviderReason.SIGN_IN_DECLINED),
        ({"error": "access_denied"}, ProviderReason.SIGN_IN_DECLINED),
        ({"error": "expired_token", "error_codes": [70020]}, ProviderReason.SIGN_IN_EXPIRED),
        ({"error": "invalid_grant", "error_codes": [65001]}, ProviderReason.CONSENT_REQUIRED),
        ({"error": "invalid_grant", "error_codes": [90094]}, ProviderReason.CONSENT_REQUIRED),
        ({"error": "invalid_grant", "error_codes": [53003]}, ProviderReason.CONDITIONAL_ACCESS),
        ({"error": "invalid_grant", "error_codes": [50020]}, ProviderReason.ACCOUNT_PROBLEM),
        ({"error": "invalid_scope", "error_codes": [650053]}, ProviderReason.REQUEST_REJECTED),
    ],
    ids=lambda value: str(value) if isinstance(value, ProviderReason) else "",
)
async def test_refusal_is_named_and_says_nothing_of_the_text(
    graph: ScriptedGraph, person: Person, body: dict[str, object], reason: ProviderReason
) -> None:
    text = "AADSTS90000: 'jane.doe@fabrikam.com' may not use GAQABAAEAAA-secret."
    graph.token_script = [PENDING, Reply({"error_description": text, **body}, 400)]
    with pytest.raises(GraphCredentialRefusedError) as caught:
        await person.tokens.get()
    assert caught.value.reason_code is reason
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert not [planted for planted in ("jane", "GAQABA", "ABCD1234") if planted in shown]
    assert caught.value.__cause__ is None


async def test_person_is_asked_once_and_later_tokens_are_refreshed(
    graph: ScriptedGraph, person: Person, clock: FakeClock
) -> None:
    first = await person.tokens.get()
    clock.seconds += 3500
    second = await person.tokens.get()
    assert first.value != second.value
    assert len(person.prompts) == 1
    assert graph.token_requests[-1]["grant_type"] == "refresh_token"


async def test_challenge_of_graph_is_passed_on_with_the_refresh(
    graph: ScriptedGraph, person: Person
) -> None:
    rejected = await person.tokens.get()
    await person.tokens.replace(rejected, '{"access_token":{}}')
    assert graph.token_requests[-1]["claims"] == '{"access_token":{}}'


async def test_refresh_that_is_refused_asks_nobody_again(
    graph: ScriptedGraph, person: Person, clock: FakeClock
) -> None:
    await person.tokens.get()
    clock.seconds += 3700
    graph.token_script = [Reply({"error": "invalid_grant", "error_codes": [50173]}, 400)]
    with pytest.raises(GraphCredentialRefusedError):
        await person.tokens.get()
    assert len(person.prompts) == 1


async def test_rights_of_an_earlier_consent_are_not_used(
    graph: ScriptedGraph, person: Person
) -> None:
    graph.roles = [READ, "DeviceManagementConfiguration.ReadWrite.All"]
    assert await person.tokens.roles() == (READ,)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply({**CODE, "device_code": ""}), GraphProtocolError),
        (Reply({**CODE, "verification_uri": "http://microsoft.com"}), GraphProtocolError),
        (Reply(b"<html>", 200, {"Content-Type": "text/html"}), GraphProtocolError),
        (Reply(b"<html>", 503, {"Content-Type": "text/html"}), GraphUnavailableError),
        (Reply({"error": "x", "error_codes": [90002]}, 400), GraphCredentialRefusedError),
    ],
    ids=["no code", "not https", "a page", "an outage", "unknown tenant"],
)
async def test_sign_in_that_cannot_begin_is_an_error(
    graph: ScriptedGraph, person: Person, reply: Reply, kind: type[GraphError]
) -> None:
    graph.on(CODE_PATH, reply)
    with pytest.raises(kind):
        await person.tokens.get()
    assert person.prompts == []


async def test_nothing_secret_is_in_what_a_sign_in_shows_of_itself(person: Person) -> None:
    await person.tokens.get()
    shown = repr(person.prompts) + repr(person.sign_in.signed_in) + repr(vars(person.sign_in))
    assert "ABCD1234" not in repr(person.prompts)
    assert "account" not in repr(person.sign_in.signed_in)
    assert "GAQABA" not in shown
