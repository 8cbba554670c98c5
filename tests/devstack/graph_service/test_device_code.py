"""Signing in with a device code: pending, slow, approved, refused, refreshed."""

import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Any

import jwt
import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, GraphService, running_graph
from devstack.graph_service.tenant import COMMAND_LINE_APP
from tests.devstack.graph_service.conftest import ClientFactory
from tests.devstack.graph_service.test_tokens import post_form

READ = "DeviceManagementConfiguration.Read.All"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Device:
    """A public client without a secret, polling by hand."""

    def __init__(self, service: GraphService, tenant: str = "organizations") -> None:
        self.service = service
        self._tenant = tenant
        self._trust = ssl.create_default_context(cafile=str(service.ca_file))
        self.shown: dict[str, Any] = {}

    async def post(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Post a form of this client."""
        fields = {"client_id": COMMAND_LINE_APP, **form}
        where = f"{self._tenant}/oauth2/v2.0/{path}"
        return await post_form(self.service, self._trust, where, fields)

    async def begin(self, scopes: Sequence[str] = (READ,)) -> str:
        """Ask for a code and return what a person would type."""
        names = [f"{self.service.root_url}/{scope}" for scope in scopes]
        form = {"scope": " ".join((*names, "openid", "profile", "offline_access"))}
        _, self.shown = await self.post("devicecode", form)
        return str(self.shown["user_code"])

    async def poll(self) -> dict[str, Any]:
        """Ask once whether the person has signed in."""
        form = {"grant_type": GRANT, "device_code": self.shown["device_code"]}
        return (await self.post("token", form))[1]


@pytest_asyncio.fixture(scope="module")
async def service() -> AsyncIterator[GraphService]:
    """A service whose codes may be polled at any time."""
    async with running_graph(GraphConfig(budget_scale=0)) as running:
        running.control.set_device_codes(interval_s=0.0)
        yield running


@pytest.fixture
def device(service: GraphService) -> Device:
    return Device(service)


async def test_device_code_is_pending_until_approved(device: Device) -> None:
    code = await device.begin()
    pending = await device.poll()
    assert device.service.control.pending_device_codes() == [code]
    device.service.control.approve_device_code(code)
    granted = await device.poll()
    assert pending["error"] == "authorization_pending"
    assert granted["access_token"]
    assert (await device.poll())["error"] == "bad_verification_code"


async def test_device_that_polls_too_often_is_told_to_slow_down(device: Device) -> None:
    await device.begin()
    first = await device.poll()
    device.service.control.set_device_codes(interval_s=30.0)
    second = await device.poll()
    device.service.control.set_device_codes(interval_s=0.0)
    assert (first["error"], second["error"]) == ("authorization_pending", "slow_down")


async def test_code_that_nobody_entered_expires(device: Device) -> None:
    device.service.control.set_device_codes(lifetime_s=-1.0)
    await device.begin()
    device.service.control.set_device_codes(lifetime_s=900.0)
    assert (await device.poll())["error"] == "expired_token"


@pytest.mark.parametrize(
    ("number", "error"),
    [(65004, "authorization_declined"), (90094, "invalid_grant"), (53003, "invalid_grant")],
)
async def test_refused_code_ends_with_its_number(device: Device, number: int, error: str) -> None:
    device.service.control.deny_device_code(await device.begin(), number)
    refused = await device.poll()
    assert (refused["error"], refused["error_codes"]) == (error, [number])


async def test_token_carries_the_scopes_that_were_consented_to(
    device: Device, connect: ClientFactory
) -> None:
    code = await device.begin((READ, "Policy.Read.All"))
    device.service.control.approve_device_code(code, user="jane", scopes=[READ])
    granted = await device.poll()
    claims = jwt.decode(granted["access_token"], options={"verify_signature": False})
    person = jwt.decode(granted["id_token"], options={"verify_signature": False})
    header = {"Authorization": f"Bearer {granted['access_token']}"}
    async with connect(device.service) as client:
        allowed = await client.get("/beta/deviceManagement/deviceCategories", header)
        refused = await client.get("/v1.0/identity/conditionalAccess/policies", header)
    assert (claims["scp"], person["preferred_username"].partition("@")[0]) == (READ, "jane")
    assert (allowed.status, refused.status) == (200, 403)


async def test_person_of_another_tenant_signs_in_there_and_refreshes(device: Device) -> None:
    code = await device.begin()
    device.service.control.approve_device_code(code, tenant=1)
    granted = await device.poll()
    form = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
    status, renewed = await device.post("token", form)
    claims = jwt.decode(renewed["access_token"], options={"verify_signature": False})
    assert (status, claims["tid"]) == (200, device.service.tenants[1].tenant_id)


async def test_app_of_the_tenant_gets_its_own_rights_by_default(service: GraphService) -> None:
    tenant = service.tenants[0]
    device = Device(service, tenant.tenant_id)
    form = {"client_id": tenant.read_app.client_id, "scope": f"{service.root_url}/.default"}
    _, device.shown = await device.post("devicecode", form)
    service.control.approve_device_code(device.shown["user_code"])
    redeem = {"grant_type": GRANT, "device_code": device.shown["device_code"]}
    _, granted = await device.post("token", {**form, **redeem})
    claims = jwt.decode(granted["access_token"], options={"verify_signature": False})
    assert READ in claims["scp"].split()


@pytest.mark.parametrize(
    ("scope", "number"),
    [("https://elsewhere.example/X.Read.All", 500011), ("nonsense", 650053)],
)
async def test_scope_that_does_not_exist_is_refused(
    device: Device, scope: str, number: int
) -> None:
    status, refused = await device.post("devicecode", {"scope": scope})
    assert (status, refused["error_codes"]) == (400, [number])


async def test_public_client_has_no_rights_of_its_own(device: Device) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_secret": "",
        "scope": f"{device.service.root_url}/.default",
    }
    status, refused = await device.post("token", form)
    assert (status, refused["error_codes"]) == (401, [7000218])
