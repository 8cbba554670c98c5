"""Invented secrets of every kind that may never be stored, and where in a tenant they stand.

The kinds are the rows of api.md, section e. Each secret has a core: a piece of it that exists
nowhere else, so that also a part of a secret is found.
"""

import base64
import json
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from devstack.graph_service import GraphControl
from tests.end_to_end.truth import path_of

CORE_LENGTH = 18
# All cores begin with it, so that one look tells that none of them is there.
MARK = "".join(secrets.choice(string.ascii_lowercase) for _ in range(4))
OMA_REFERENCE = "015b022c-225d-485a-ad63-a0fe98502e09_planted"


class Kind(StrEnum):
    """One kind of secret or personal data; the rows of api.md e in their order."""

    ACCESS_TOKEN = "access_token"
    REFRESH_TOKEN = "refresh_token"
    MICROSOFT_ACCOUNT_TOKEN = "microsoft_account_token"
    CLIENT_SECRET = "client_secret"
    CLIENT_ASSERTION = "client_assertion"
    AUTHORIZATION_CODE = "authorization_code"
    DEVICE_CODE = "device_code"
    AADSTS_TEXT = "aadsts_text"
    USER_PRINCIPAL_NAME = "user_principal_name"
    PERSONAL_NAME = "personal_name"
    DEVICE_SERIAL = "device_serial"
    BYPASS_CODE = "bypass_code"
    RECOVERY_KEY = "recovery_key"
    SAS_URL = "sas_url"
    CERTIFICATE = "certificate"
    PRIVATE_KEY = "private_key"
    PFX = "pfx"
    APNS_TOKEN = "apns_token"
    SCEP_CHALLENGE = "scep_challenge"
    WIFI_KEY = "wifi_key"
    VPN_SECRET = "vpn_secret"
    OMA_VALUE = "oma_value"
    SCRIPT_BODY = "script_body"
    ENROLMENT_TOKEN = "enrolment_token"
    COOKIE = "cookie"
    INTERNAL_URL = "internal_url"
    PROXY_CREDENTIALS = "proxy_credentials"


class Origin(StrEnum):
    """Where a secret is planted, so that a finding says which way it took."""

    BODY = "body"  # a policy of the tenant
    ANSWER = "answer"  # bodies of errors of Graph: message, details, nested JSON, HTML
    HEADER = "header"  # headers of Graph, of good answers and of errors
    ITEM = "item"  # bodies and headers of the parts of a batch
    LOGIN = "login"  # refusals of the token endpoint, body and headers
    EXCEPTION = "exception"  # raised in services, activities, workflow code, tasks and threads
    REAL = "real"  # what the product itself works with


PLANTED: tuple[Origin, ...] = tuple(origin for origin in Origin if origin is not Origin.REAL)


@dataclass(frozen=True, slots=True)
class Secret:
    """`value` is what a property holds, `text` how errors and logs quote it."""

    name: str
    core: str
    value: str = field(repr=False)
    text: str = field(repr=False)


def plant(origin: Origin) -> dict[Kind, Secret]:
    """Invent one secret of each kind."""
    return {kind: _secret(origin, kind) for kind in Kind}


def cores_of(*groups: Mapping[Kind, Secret]) -> dict[str, str]:
    """Return the core of each secret by its name."""
    return {secret.name: secret.core for group in groups for secret in group.values()}


def texts_of(group: Mapping[Kind, Secret]) -> tuple[str, ...]:
    return tuple(secret.text for secret in group.values())


def rotated(texts: tuple[str, ...], turn: int) -> tuple[str, ...]:
    """Return the texts with others in front at each turn: what a limit cuts off is the end."""
    first = turn * 5 % len(texts)
    return texts[first:] + texts[:first]


def headers_of(group: Mapping[Kind, Secret]) -> dict[str, str]:
    """Return a header for each secret: where such a thing stands, or where a gateway echoes it."""
    quoted = {kind: secret.text.replace("\n", " ") for kind, secret in group.items()}
    challenge = json.dumps({"access_token": {"echo": group[Kind.ACCESS_TOKEN].value}})
    claims = base64.b64encode(challenge.encode()).decode()
    quoted[Kind.ACCESS_TOKEN] = f'Bearer error="insufficient_claims", claims="{claims}"'
    cookie = group[Kind.COOKIE]
    quoted[Kind.COOKIE] = f"[{cookie.core}]={cookie.value}"
    return {_HEADERS.get(kind, f"x-ms-{kind}"): text for kind, text in quoted.items()}


def _secret(origin: Origin, kind: Kind) -> Secret:
    rest = CORE_LENGTH - len(MARK)
    letters = MARK + "".join(secrets.choice(string.ascii_lowercase) for _ in range(rest))
    digits = "".join(secrets.choice(string.digits) for _ in range(4))
    # Names and hosts hold no digits that would betray them to a pattern.
    has_digits = kind not in (Kind.PERSONAL_NAME, Kind.WIFI_KEY, Kind.VPN_SECRET)
    core = letters[:9] + digits + letters[9:] if has_digits else letters
    value, text = _forms(kind, core)
    if kind is Kind.BYPASS_CODE:
        core = value.lower()
    return Secret(f"{origin}.{kind}", core, value, text)


def _forms(kind: Kind, core: str) -> tuple[str, str]:
    """Return the bare value, and the value as an error would quote it."""
    value, key = _VALUES.get(kind, "{}").format(core), _KEYS.get(kind)
    match kind:
        case Kind.ACCESS_TOKEN | Kind.CLIENT_ASSERTION:
            value = f"{_segment({'typ': 'JWT'})}.{_segment({'aud': core})}.{core}"
        case Kind.BYPASS_CODE:
            value = "-".join(core.upper()[at : at + 4] for at in range(0, len(core), 4))
        case Kind.PERSONAL_NAME:
            value = f"Jane {core.title()}"
        case Kind.DEVICE_SERIAL:
            value = f"C02{core.upper()}"
        case Kind.SCRIPT_BODY:
            script = f"$secret = '{core}'\nConnect-Thing -Key $secret"
            value = base64.b64encode(script.encode()).decode()
        case _:
            pass
    if kind is Kind.ACCESS_TOKEN:
        return value, f"Authorization: Bearer {value}"
    return value, value if key is None else f'"{key}": {json.dumps(value)}'


def _segment(claims: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


_VALUES = {
    Kind.REFRESH_TOKEN: "0.AXoA1xYd{}.AgABAwEAAAD--DLA3VO7Qrdd",
    Kind.MICROSOFT_ACCOUNT_TOKEN: "M.C519_BAY.0.U.-Cl{}",
    Kind.CLIENT_SECRET: "Qx~8Q~{}aBbCcDd.Ee-Ff12",
    Kind.AUTHORIZATION_CODE: "0.AXoA{}&session_state=planted",
    Kind.DEVICE_CODE: "GAQABAAEAAA{}",
    Kind.AADSTS_TEXT: (
        "AADSTS50020: User account 'jane.{}@fabrikam.example' from identity provider"
        " 'https://sts.windows.net/planted' does not exist in tenant 'Planted'"
    ),
    Kind.USER_PRINCIPAL_NAME: "{}@M365x94840470.onmicrosoft.example",
    Kind.RECOVERY_KEY: "111111-222222-{}-333333",
    Kind.SAS_URL: (
        "https://mmdsproduswest.blob.core.windows.example/f?sv=2021-08-06&sr=b"
        "&sig={}%3D&se=2026-08-01T10%3A00%3A00Z&sp=rw"
    ),
    Kind.CERTIFICATE: "MIIDdzCCAl+gAwIBAgIE{}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
    Kind.PRIVATE_KEY: "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
    Kind.PFX: "MIIKAgIBAzCC{}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    Kind.APNS_TOKEN: "MIIC{}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    Kind.OMA_VALUE: "P@ss-{}",
    Kind.ENROLMENT_TOKEN: "VQ{}",
    Kind.COOKIE: "x-ms-gateway-slice=estsfd; esctx=PAQAB{}; fpc=Ag; stsservicecookie=estsfd",
    Kind.INTERNAL_URL: "https://fef.{}.manage.microsoft.example/DeviceFE/StatelessService",
    Kind.PROXY_CREDENTIALS: "http://user:{}@proxy.example:8080",
}
# Property of a body and of an echo; kinds without one are quoted bare, where no key gives a hint.
_KEYS = {
    Kind.REFRESH_TOKEN: "refresh_token",
    Kind.CLIENT_ASSERTION: "client_assertion",
    Kind.DEVICE_CODE: "device_code",
    Kind.USER_PRINCIPAL_NAME: "ownerUserPrincipalName",
    Kind.DEVICE_SERIAL: "serialNumber",
    Kind.BYPASS_CODE: "activationLockBypassCode",
    Kind.CERTIFICATE: "trustedRootCertificate",
    Kind.APNS_TOKEN: "token",
    Kind.WIFI_KEY: "preSharedKey",
    Kind.SCRIPT_BODY: "scriptContent",
    Kind.ENROLMENT_TOKEN: "tokenValue",
}
_HEADERS = {
    Kind.ACCESS_TOKEN: "WWW-Authenticate",
    Kind.USER_PRINCIPAL_NAME: "client-request-id",
    Kind.DEVICE_SERIAL: "Retry-After",
    Kind.SAS_URL: "Location",
    Kind.INTERNAL_URL: "x-ms-ags-diagnostic",
    Kind.RECOVERY_KEY: "request-id",
    Kind.COOKIE: "Set-Cookie",
}
_WIFI = {
    "preSharedKey": Kind.WIFI_KEY,
    "trustedRootCertificate": Kind.CERTIFICATE,
    "privateKey": Kind.PRIVATE_KEY,
    "pfxBlob": Kind.PFX,
    "scepChallenge": Kind.SCEP_CHALLENGE,
    "proxyManualAddress": Kind.PROXY_CREDENTIALS,
    "description": Kind.AADSTS_TEXT,
}
_VPN = {
    "sharedSecret": Kind.VPN_SECRET,
    "access_token": Kind.ACCESS_TOKEN,
    "refresh_token": Kind.REFRESH_TOKEN,
    "msaTicket": Kind.MICROSOFT_ACCOUNT_TOKEN,
    "client_secret": Kind.CLIENT_SECRET,
    "client_assertion": Kind.CLIENT_ASSERTION,
    "code": Kind.AUTHORIZATION_CODE,
    "device_code": Kind.DEVICE_CODE,
    "cookie": Kind.COOKIE,
    "diagnosticsUrl": Kind.INTERNAL_URL,
}
_APP = {
    "azureStorageUri": Kind.SAS_URL,
    "token": Kind.APNS_TOKEN,
    "owner": Kind.USER_PRINCIPAL_NAME,
    "notes": Kind.RECOVERY_KEY,
}
_PROFILE = {
    "tokenValue": Kind.ENROLMENT_TOKEN,
    "serialNumber": Kind.DEVICE_SERIAL,
    "activationLockBypassCode": Kind.BYPASS_CODE,
}


def plant_bodies(control: GraphControl, tenant: int, planted: Mapping[Kind, Secret]) -> None:
    """Put every secret into the policies of a tenant, and a person's name into their names."""
    name = planted[Kind.PERSONAL_NAME].value
    for key, type_, properties in (
        ("deviceConfiguration", "windowsWifiConfiguration", _WIFI),
        ("deviceConfiguration", "windows10VpnConfiguration", _VPN),
        ("mobileApp", "win32LobApp", _APP),
        ("enrollmentConfig", "deviceEnrollmentLimitConfiguration", _PROFILE),
    ):
        values = {prop: planted[kind].value for prop, kind in properties.items()}
        values |= {"@odata.type": f"#microsoft.graph.{type_}", "displayName": name}
        _insert(control, tenant, key, values)
    _insert(control, tenant, "deviceConfiguration", _custom_profile(planted))
    script = {"scriptContent": planted[Kind.SCRIPT_BODY].value}
    _insert(control, tenant, "powershellScript", script)
    _insert(control, tenant, "settingsCatalog", {"name": name})
    role = "/roleManagement/directory/roleDefinitions"
    body = {"displayName": name, "description": planted[Kind.AADSTS_TEXT].value}
    custom = {"isBuiltIn": False, "isEnabled": True, "rolePermissions": [], "templateId": name}
    control.insert_object(tenant, role, body | custom)


def _custom_profile(planted: Mapping[Kind, Secret]) -> dict[str, Any]:
    row = {
        "@odata.type": "#microsoft.graph.omaSettingString",
        "displayName": planted[Kind.PERSONAL_NAME].value,
        "omaUri": "./Device/Vendor/MSFT/Planted",
        "secretReferenceValueId": OMA_REFERENCE,
        "isEncrypted": True,
        "value": "****",
    }
    return {
        "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
        "omaSettings": [row],
        "_secrets": {OMA_REFERENCE: planted[Kind.OMA_VALUE].value},
    }


def _insert(control: GraphControl, tenant: int, key: str, values: Mapping[str, Any]) -> None:
    """Insert a copy of an object of the type with these values."""
    path = path_of(key)
    template = control.get_object(tenant, path, control.object_ids(tenant, path)[0])
    without_id = {name: value for name, value in template.items() if name != "id"}
    control.insert_object(tenant, path, without_id | dict(values))
