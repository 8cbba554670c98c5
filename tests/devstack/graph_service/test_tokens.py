"""The token endpoint and what Graph makes of tokens (api.md d.7)."""

import ssl
from typing import Any

import aiohttp
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import CertificateCredential, ClientSecretCredential

from devstack.graph_service import GraphService
from tests.devstack.graph_service.conftest import ClientFactory
from tests.devstack.graph_service.graph_client import GraphClient

SCOPE = "https://graph.microsoft.com/.default"


async def post_form(
    graph: GraphService, trust: ssl.SSLContext, path: str, form: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session,
        session.post(f"{graph.authority_url}/{path}", data=form) as response,
    ):
        return response.status, await response.json()


def secret_form(graph: GraphService, **changes: str) -> dict[str, str]:
    app = graph.tenants[0].read_app
    form = {
        "client_id": app.client_id,
        "client_secret": app.secret,
        "grant_type": "client_credentials",
        "scope": SCOPE,
    }
    return {**form, **changes}


async def test_azure_identity_gets_a_token_by_secret(
    graph: GraphService, client: GraphClient
) -> None:
    tenant = graph.tenants[0]
    credential = ClientSecretCredential(
        tenant.tenant_id,
        tenant.read_app.client_id,
        tenant.read_app.secret,
        authority=graph.authority_url,
        disable_instance_discovery=True,
        connection_verify=str(graph.ca_file),
    )
    async with credential:
        token = await credential.get_token(SCOPE)

    reply = await client.get("/v1.0/organization", {"Authorization": f"Bearer {token.token}"})

    assert reply.rows[0]["id"] == tenant.tenant_id


async def test_azure_identity_gets_a_token_by_certificate(graph: GraphService) -> None:
    tenant = graph.tenants[1]
    pem = graph.control.make_client_certificate(1, "read")["pem"]
    credential = CertificateCredential(
        tenant.tenant_id,
        tenant.read_app.client_id,
        certificate_data=pem.encode(),
        authority=graph.authority_url,
        disable_instance_discovery=True,
        connection_verify=str(graph.ca_file),
    )
    async with credential:
        token = await credential.get_token(f"{graph.root_url}/.default")

    assert token.token.count(".") == 2


async def test_certificate_of_another_app_is_refused(graph: GraphService) -> None:
    tenant = graph.tenants[1]
    pem = graph.control.make_client_certificate(1, "limited")["pem"]
    credential = CertificateCredential(
        tenant.tenant_id,
        tenant.write_app.client_id,
        certificate_data=pem.encode(),
        authority=graph.authority_url,
        disable_instance_discovery=True,
        connection_verify=str(graph.ca_file),
    )
    async with credential:
        with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
            await credential.get_token(SCOPE)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, 7000215),
        ({"client_id": "00000000-1111-2222-3333-444444444444"}, 400, 700016),
        ({"scope": "https://graph.microsoft.com/User.Read"}, 400, 1002012),
        ({"scope": "https://graph.microsoft.us/.default"}, 400, 500011),
        ({"client_id": ""}, 400, 900144),
        ({"grant_type": "password"}, 400, 900144),
    ],
    ids=str,
)
async def test_token_request_that_is_wrong_gets_its_code(
    graph: GraphService, trust: ssl.SSLContext, changes: dict[str, str], status: int, code: int
) -> None:
    path = f"{graph.tenants[0].tenant_id}/oauth2/v2.0/token"

    got, body = await post_form(graph, trust, path, secret_form(graph, **changes))

    assert (got, body["error_codes"]) == (status, [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")


async def test_unknown_tenant_is_not_found(graph: GraphService, trust: ssl.SSLContext) -> None:
    status, body = await post_form(graph, trust, "nowhere/oauth2/v2.0/token", secret_form(graph))

    assert (status, body["error_codes"]) == (400, [90002])


@pytest.mark.parametrize(
    ("code", "status"),
    [(7000215, 401), (7000222, 401), (700016, 400), (7000112, 400), (53003, 400), (90033, 503)],
)
async def test_chosen_failure_is_served_as_often_as_asked(
    graph: GraphService, trust: ssl.SSLContext, code: int, status: int
) -> None:
    path = f"{graph.tenants[0].tenant_id}/oauth2/v2.0/token"
    graph.control.set_token_failure(0, code, times=1)

    failed, body = await post_form(graph, trust, path, secret_form(graph))
    worked, _ = await post_form(graph, trust, path, secret_form(graph))

    assert (failed, body["error_codes"], worked) == (status, [code], 200)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "Access token is empty."),
        ("Bearer abc.def.ghi", "Access token validation failure. Invalid signature."),
    ],
)
async def test_unusable_token_gets_a_challenge(
    client: GraphClient, header: str, message: str
) -> None:
    reply = await client.get("/v1.0/organization", {"Authorization": header})

    assert (reply.status, reply.error["message"]) == (401, message)
    assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]


async def test_expired_token_is_refused(fresh: GraphService, connect: ClientFactory) -> None:
    async with connect(fresh) as client:
        before = await client.get("/v1.0/organization")
        fresh.control.move_clock(4000)
        after = await client.get("/v1.0/organization")

    assert (before.status, after.status) == (200, 401)


async def test_revoked_tokens_are_refused_and_new_ones_work(
    fresh: GraphService, connect: ClientFactory
) -> None:
    async with connect(fresh) as client:
        fresh.control.revoke_tokens(0)
        refused = await client.get("/v1.0/organization")
        fresh.control.move_clock(2)
        client.renew_token()
        accepted = await client.get("/v1.0/organization")

    assert (refused.status, accepted.status) == (401, 200)


async def test_token_of_one_tenant_shows_only_that_tenant(
    graph: GraphService, connect: ClientFactory
) -> None:
    async with connect(graph, tenant=1) as other:
        rows = (await other.get("/v1.0/organization")).rows

    assert [row["id"] for row in rows] == [graph.tenants[1].tenant_id]
