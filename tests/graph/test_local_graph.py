"""The client and the reader against the local Graph: all types, real protocol, injected trouble."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from devstack.graph_service.config import GraphConfig, RetryAfterStyle
from devstack.graph_service.faults import PLANTED_SECRETS
from devstack.graph_service.service import AppHandle, GraphService, running_graph
from domain.provider_errors import ProviderReason
from domain.resource_types.registry import RESOURCE_TYPES, backup_types
from domain.resource_types.rules import is_annotation
from graph.budgets import LocalBudgets
from graph.client import ClientSettings, GraphClient
from graph.clouds import custom_endpoint
from graph.credentials import (
    AppIdentity,
    ClientCertificate,
    ClientSecret,
    CredentialSecret,
    open_credential,
)
from graph.errors import (
    GraphCredentialRefusedError,
    GraphError,
    GraphPageTokenExpiredError,
    GraphPermissionDeniedError,
    GraphThrottledError,
)
from graph.reading import Presence, ReadObject, ResourceReader
from graph.request_costs import AreaLimit
from graph.retry import RetryRules
from graph.tokens import TokenSource
from graph.transport import Transport
from tests.graph.conftest import unlimited

EXPORTS = Path("../shared/graph/data")
TENANT = 0

# Registry key → collection of the local Graph, where they differ in more than the path's end.
COLLECTIONS = {
    "caPolicy": "conditionalAccessPolicies",
    "entraRole": "directoryRoleDefinitions",
}


# What the truth holds and this type does not ask for: groupings of the same settings, relations of
# apps that have none, properties of beta alone.
NOT_READ = {
    "endpointSecurityIntent": {"/categories"},
    "mobileApp": {"/relationships"},
    "entraRole": {"/isPrivileged", "/allowedPrincipalTypes"},
    "group": {
        "/createdDateTime",
        "/mail",
        "/renewedDateTime",
        "/securityIdentifier",
        "/proxyAddresses",
        "/members",
        "/owners",
        "/transitiveMembers",
    },
}
# At least two objects of every type, and at least one object without each optional part.
COUNTS = {
    "groupPolicyUploadedDefinitionFiles": 2,
    "depOnboardingSettings": 3,
    "appleUserInitiatedEnrollmentProfiles": 2,
    "windowsQualityUpdatePolicies": 3,
    "intuneBrandingProfiles": 4,
    "hardwareConfigurations": 2,
    "inventoryPolicies": 3,
    "managementConditions": 3,
    "deviceManagementPartners": 2,
    "provisioningPolicies": 2,
    "policySets": 3,
    "vppTokens": 2,
    "authenticationStrengthPolicies": 5,
    "agreements": 2,
    "roleDefinitions": 13,
    "roleAssignments": 4,
}


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def service() -> AsyncIterator[GraphService]:
    async with running_graph(GraphConfig(budget_scale=0, tenants=1, counts=COUNTS)) as running:
        yield running


@pytest_asyncio.fixture
async def local(service: GraphService) -> AsyncIterator[GraphClient]:
    async with client_of(service) as client:
        yield client
    service.control.clear_faults()
    service.control.set_throttling(budget_scale=0, retry_after="integer")


@asynccontextmanager
async def client_of(
    service: GraphService,
    app: AppHandle | None = None,
    secret: CredentialSecret | None = None,
    budgets: LocalBudgets | None = None,
    first_backoff: float = 0.02,
) -> AsyncIterator[GraphClient]:
    """Open a client of the first tenant, by default with its read app and no budget."""
    tenant = service.tenants[TENANT]
    app = app or tenant.read_app
    identity = AppIdentity(tenant.tenant_id, app.client_id)
    known = secret or ClientSecret(app.secret)
    endpoint = custom_endpoint(
        authority=service.authority_url, graph_root=service.root_url, ca_file=service.ca_file
    )
    async with Transport(endpoint) as transport:
        tokens = TokenSource(lambda: open_credential(endpoint, identity, known), endpoint.scope)
        try:
            yield GraphClient(
                identity=identity,
                transport=transport,
                tokens=tokens,
                budgets=budgets or LocalBudgets(limits=unlimited),
                settings=ClientSettings(rules=RetryRules(first_backoff=first_backoff)),
            )
        finally:
            await tokens.close()


async def read_all(client: GraphClient, key: str) -> list[ReadObject]:
    reader = ResourceReader(client, RESOURCE_TYPES[key])
    return [item async for page in reader.pages() for item in page.documents]


def collection_of(key: str) -> str:
    return COLLECTIONS.get(key, RESOURCE_TYPES[key].list_path.rsplit("/", 1)[-1])


def differences(stored: Any, read: Any, place: str = "") -> list[str]:
    """Return the places where what was read lacks or changes something that is stored.

    The local Graph's own notes and OData's annotations do not count.
    """
    if isinstance(stored, dict) and isinstance(read, dict):
        names = [n for n in stored if not n.startswith("_") and not is_annotation(n)]
        # Minimal metadata leaves out the declared type of a collection.
        names = [n for n in names if n != "@odata.type" or n in read]
        return [
            found
            for name in names
            for found in differences(stored[name], read.get(name), f"{place}/{name}")
        ]
    if isinstance(stored, list) and isinstance(read, list) and len(stored) == len(read):
        pairs = enumerate(zip(stored, read, strict=True))
        return [f for n, (one, two) in pairs for f in differences(one, two, f"{place}/{n}")]
    return [] if stored == read else [place]


@pytest.mark.parametrize("key", list(RESOURCE_TYPES))
async def test_type_is_read_whole_and_equal_to_the_service_s_own_truth(
    service: GraphService, local: GraphClient, key: str
) -> None:
    collection, entry = collection_of(key), RESOURCE_TYPES[key]
    truth = {
        object_id: service.control.get_object(TENANT, collection, object_id)
        for object_id in service.control.object_ids(TENANT, collection)
    }
    expected = {object_id for object_id, whole in truth.items() if entry.belongs(whole)}
    found = {item.object_id: item for item in await read_all(local, key)}
    assert set(found) == expected
    assert expected
    for object_id, item in found.items():
        assert item.failure is None
        assert item.document is not None
        assert set(differences(truth[object_id], item.document)) <= NOT_READ.get(key, set())


async def test_backup_of_profile_s_stays_within_one_request_for_an_object(
    service: GraphService, local: GraphClient
) -> None:
    service.control.reset_counters()
    sizes = await asyncio.gather(*[read_all(local, entry.key) for entry in backup_types()])
    objects = sum(len(found) for found in sizes)
    assert objects > 150
    assert service.control.counters(TENANT)["sub_requests"] <= objects


async def test_page_token_that_expired_meanwhile_asks_for_a_restart(
    service: GraphService, local: GraphClient
) -> None:
    reader = ResourceReader(local, RESOURCE_TYPES["settingsCatalog"])
    first = await anext(reader.pages())
    service.control.expire_page_tokens(TENANT)
    with pytest.raises(GraphPageTokenExpiredError):
        await anext(reader.pages(first.cursor))


async def test_listing_resumes_from_a_cursor_over_another_connection(
    service: GraphService, local: GraphClient
) -> None:
    key = "settingsCatalog"
    first = await anext(ResourceReader(local, RESOURCE_TYPES[key]).pages())
    async with client_of(service) as other:
        pages = ResourceReader(other, RESOURCE_TYPES[key]).pages(first.cursor)
        rest = [item.object_id async for page in pages for item in page.documents]
    everything = [item.object_id for item in first.documents] + rest
    assert sorted(everything) == sorted(service.control.object_ids(TENANT, collection_of(key)))


async def test_broken_second_page_fails_the_type_after_its_first_page(
    service: GraphService, local: GraphClient
) -> None:
    path = RESOURCE_TYPES["settingsCatalog"].list_path
    service.control.add_fault(kind="broken_page", path=path)
    pages = ResourceReader(local, RESOURCE_TYPES["settingsCatalog"]).pages()
    assert len((await anext(pages)).documents) == 25
    with pytest.raises(GraphError) as caught:
        await anext(pages)
    assert caught.value.reason_code is ProviderReason.SERVER_ERROR


async def test_empty_answer_is_unmasked_by_probing(
    service: GraphService, local: GraphClient
) -> None:
    entry = RESOURCE_TYPES["filter"]
    ids = service.control.object_ids(TENANT, collection_of("filter"))
    service.control.add_fault(kind="empty_list", path=entry.list_path)
    assert await read_all(local, "filter") == []
    found = await ResourceReader(local, entry).probe([*ids, "5f0e8a9e-0000-4000-8000-000000000001"])
    assert set(list(found.values())[:-1]) == {Presence.EXISTS}
    assert list(found.values())[-1] is Presence.GONE


async def test_probing_works_for_every_type(service: GraphService, local: GraphClient) -> None:
    for entry in backup_types():
        ids = service.control.object_ids(TENANT, collection_of(entry.key))
        missing = "5f0e8a9e-0000-4000-8000-000000000001"
        found = await ResourceReader(local, entry).probe([*ids[:1], missing])
        assert found.pop(missing) is Presence.GONE, entry.key
        assert set(found.values()) <= {Presence.EXISTS}, entry.key


async def test_scripts_permission_is_refused_for_scripts_alone(service: GraphService) -> None:
    app = service.tenants[TENANT].apps["limited"]
    async with client_of(service, app) as client:
        with pytest.raises(GraphPermissionDeniedError) as caught:
            await read_all(client, "powershellScript")
    assert "DeviceManagementScripts.Read.All" in caught.value.missing_scopes


@pytest.mark.parametrize("style", ["intune", "intune_double", "intune_plain"])
async def test_refusal_is_understood_in_every_wrapping(service: GraphService, style: str) -> None:
    service.control.set_error_style(TENANT, style)
    app = service.tenants[TENANT].apps["limited"]
    async with client_of(service, app) as client:
        with pytest.raises(GraphPermissionDeniedError) as caught:
            await read_all(client, "remediation")
    service.control.set_error_style(TENANT, "intune")
    assert caught.value.reason_code is ProviderReason.PERMISSION_DENIED


@pytest.mark.parametrize("style", list(RetryAfterStyle))
async def test_throttling_of_any_style_is_never_answered_too_early(
    service: GraphService, style: RetryAfterStyle
) -> None:
    service.control.reset_counters()
    service.control.set_throttling(retry_after=style.value)
    path = "/deviceManagement/configurationPolicies/{id}"
    service.control.add_fault(
        path=path, status=429, code="TooManyRequests", retry_after="1", times=5
    )
    async with client_of(service, first_backoff=1.0) as client:
        found = await read_all(client, "settingsCatalog")
    service.control.clear_faults()
    assert len(found) == 75
    assert all(item.failure is None for item in found)
    counters = service.control.counters(TENANT)
    assert counters["injected_throttles"] == 5
    assert counters["early_retries"] == 0


async def test_budget_keeps_within_the_limits_that_the_service_enforces(
    service: GraphService,
) -> None:
    service.control.reset_counters()
    # 1 % of the real limits: 10 requests in 20 seconds for an area.
    service.control.set_throttling(budget_scale=0.01)
    budgets = LocalBudgets(limits=lambda _key: AreaLimit(10, 20))
    async with client_of(service, budgets=budgets) as client:
        with pytest.raises(GraphThrottledError) as caught:
            await read_all(client, "mobileApp")
    service.control.set_throttling(budget_scale=0)
    assert caught.value.retry_after
    assert service.control.counters(TENANT)["overruns"] == 0


@pytest.mark.parametrize("kind", ["reset", "cut", "truncated", "html", "wrong_content_type"])
async def test_damaged_answer_is_asked_for_again(
    service: GraphService, local: GraphClient, kind: str
) -> None:
    path = RESOURCE_TYPES["filter"].list_path
    service.control.add_fault(kind=kind, path=path, times=1)
    assert len(await read_all(local, "filter")) == 24


@pytest.mark.parametrize("kind", ["unauthorized", "insufficient_claims"])
async def test_refused_token_is_replaced_once(
    service: GraphService, local: GraphClient, kind: str
) -> None:
    path = RESOURCE_TYPES["filter"].list_path
    service.control.add_fault(kind=kind, path=path, times=1)
    assert len(await read_all(local, "filter")) == 24


async def test_revoked_token_is_replaced_inside_a_batch(
    service: GraphService, local: GraphClient
) -> None:
    await local.token_roles()
    service.control.revoke_tokens(TENANT)
    # Tokens say their time in whole seconds: a new one must be a second younger.
    service.control.move_clock(2)
    assert len(await read_all(local, "mobileApp")) == 20


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
async def test_planted_secrets_are_never_in_errors(
    service: GraphService, local: GraphClient, status: int
) -> None:
    path = RESOURCE_TYPES["filter"].list_path
    service.control.add_fault(kind="hostile", path=path, status=status)
    with pytest.raises(GraphError) as caught:
        await read_all(local, "filter")
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(error.facts)
    assert not [planted for planted in PLANTED_SECRETS if planted in shown]
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (7000222, ProviderReason.CREDENTIAL_EXPIRED),
        (700016, ProviderReason.APP_NOT_FOUND),
        (53003, ProviderReason.CONDITIONAL_ACCESS),
    ],
)
async def test_refused_credential_costs_a_handful_of_requests(
    service: GraphService, code: int, reason: ProviderReason
) -> None:
    service.control.reset_counters()
    service.control.set_token_failure(TENANT, code)
    async with client_of(service) as client:
        for key in ("filter", "settingsCatalog", "mobileApp"):
            with pytest.raises(GraphCredentialRefusedError) as caught:
                await read_all(client, key)
    service.control.set_token_failure(TENANT, None)
    assert caught.value.reason_code is reason
    assert service.control.counters(TENANT)["token_requests"] <= 2


async def test_certificate_signs_in(service: GraphService) -> None:
    pem = service.control.make_client_certificate(TENANT, "read")["pem"]
    async with client_of(service, secret=ClientCertificate(pem.encode())) as client:
        assert len(await read_all(client, "filter")) == 24


async def test_write_app_captures_encrypted_values(service: GraphService) -> None:
    async with client_of(service) as client:
        read = {item.object_id: item for item in await read_all(client, "deviceConfiguration")}
    async with client_of(service, service.tenants[TENANT].write_app) as client:
        written = await read_all(client, "deviceConfiguration")
    withheld = [item.object_id for item in read.values() if item.not_captured]
    assert withheld
    assert all(not item.not_captured for item in written if item.object_id in withheld)


@pytest.mark.skipif(not EXPORTS.exists(), reason="the shared exports are not here")
async def test_real_exports_are_read_back_as_they_were_loaded() -> None:
    async with running_graph(GraphConfig(budget_scale=0, tenants=1)) as service:
        for entry in RESOURCE_TYPES.values():
            if entry.singleton is None:
                service.control.clear_collection(TENANT, collection_of(entry.key))
        rows = service.control.load_exports(TENANT, str(EXPORTS / "policies"))
        loaded = [row for row in rows if row["status"] == "loaded"]
        assert len(loaded) > 150
        async with client_of(service) as client:
            found = {
                item.object_id: item
                for entry in backup_types()
                for item in await read_all(client, entry.key)
            }
        # Of groups only chosen properties are read.
        for key in (entry.key for entry in backup_types() if not entry.by_reference):
            for object_id in service.control.object_ids(TENANT, collection_of(key)):
                whole = service.control.get_object(TENANT, collection_of(key), object_id)
                if RESOURCE_TYPES[key].belongs(whole):
                    document = found[object_id].document
                    assert document is not None
                    assert differences(whole, document) == []
