"""Faults of the local Graph and of the login whose every part quotes secrets.

Each part of an answer has secrets of its own, so that a finding says which part it came from, and a
search without findings means that each part was there.
"""

from collections.abc import Mapping

from devstack.graph_service import FaultKind, GraphControl
from tests.end_to_end.planting import Kind, Origin, Secret, headers_of, rotated, texts_of

SCOPES_FOLLOW = "Application must have one of the following scopes:"
# Path → status of errors whose bodies quote secrets.
_BODIES = {
    "/deviceManagement/assignmentFilters": 500,
    "/deviceManagement/roleScopeTags": 403,
    "/deviceManagement/deviceCategories": 429,
    "/deviceManagement/termsAndConditions": 401,
    "/roleManagement/directory/roleDefinitions": 503,
    "/$batch": 502,
}
# Path → how the error wraps a message that quotes secrets.
_WRAPPED = {
    "/deviceAppManagement/mobileAppConfigurations": "intune_double",
    "/deviceManagement/notificationMessageTemplates": "intune",
    "/identity/conditionalAccess/namedLocations": "html",
    "/deviceManagement/windowsFeatureUpdateProfiles": "no_inner",
}
# Path → status of errors whose headers quote secrets.
_HEADERS = {
    "/deviceManagement/deviceCompliancePolicies": 500,
    "/deviceManagement/deviceComplianceScripts": 403,
    "/deviceManagement/deviceCustomAttributeShellScripts": 401,
    "/deviceManagement/deviceShellScripts": 429,
    "/deviceManagement/intents": 302,
    "/deviceManagement/deviceHealthScripts": 404,
}
# Path → what damages an answer with planted policies: a parser's error quotes what it cannot read.
_DAMAGES = {
    "/deviceManagement/deviceConfigurations": FaultKind.TRUNCATED,
    "/deviceAppManagement/mobileApps": FaultKind.CUT,
    "/deviceManagement/deviceEnrollmentConfigurations": FaultKind.WRONG_CONTENT_TYPE,
    "/deviceManagement/deviceManagementScripts/{id}": FaultKind.TRUNCATED,
}
_ITEMS = (400, 401, 403, 404, 429, 500)

Planted = Mapping[Origin, Mapping[Kind, Secret]]


def add_hostile_answers(control: GraphControl, planted: Planted) -> None:
    """Let Graph and the login answer with every secret, in each form of an error and beside it."""
    _add_bodies(control, texts_of(planted[Origin.ANSWER]))
    headers = headers_of(planted[Origin.HEADER])
    for path, status in _HEADERS.items():
        fault = {"kind": FaultKind.STATUS, "path": path, "status": status, "in_batch": False}
        control.add_fault(**fault, times=2, headers=headers)
    _add_items(control, planted[Origin.ITEM])
    texts = texts_of(planted[Origin.LOGIN])
    for turn, status in enumerate((503, 400)):
        fault = {"kind": FaultKind.HOSTILE, "path": "/token", "status": status}
        control.add_fault(**fault, times=1, secrets=rotated(texts, turn))
    for path, kind in _DAMAGES.items():
        control.add_fault(kind=kind, path=path, times=1)
    # The first fault that fits strikes: right answers with such headers come last.
    right = {"kind": FaultKind.DELAY, "method": "GET", "in_batch": False}
    control.add_fault(**right, times=20, headers=headers)


def refuse_login(control: GraphControl, planted: Planted, entra_tenant_id: str) -> None:
    """Let the login refuse a credential of a tenant once, with every secret."""
    refused = {"kind": FaultKind.HOSTILE, "path": "/token", "status": 401, "code": "7000215"}
    texts = texts_of(planted[Origin.LOGIN])
    control.add_fault(**refused, tenant=entra_tenant_id, secrets=texts)


def idle_faults(control: GraphControl) -> list[tuple[str, str, int]]:
    """Return kind, path and status of the faults that have met no request."""
    return [
        (fault["kind"], fault["path"], fault["status"])
        for fault in control.list_faults()
        if not fault["struck"]
    ]


def _add_bodies(control: GraphControl, texts: tuple[str, ...]) -> None:
    for turn, (path, status) in enumerate(_BODIES.items()):
        fault = {"kind": FaultKind.HOSTILE, "path": path, "status": status}
        control.add_fault(**fault, times=2, secrets=rotated(texts, turn))
    for turn, (path, style) in enumerate(_WRAPPED.items(), len(_BODIES)):
        fault = {"kind": FaultKind.STATUS, "path": path, "status": 403, "body_style": style}
        message = f"{SCOPES_FOLLOW} {' '.join(rotated(texts, turn))}"
        control.add_fault(**fault, times=2, message=message)


def _add_items(control: GraphControl, planted: Mapping[Kind, Secret]) -> None:
    texts, headers = texts_of(planted), headers_of(planted)
    for turn, status in enumerate(_ITEMS):
        fault = {"kind": FaultKind.HOSTILE, "status": status, "in_batch": True, "headers": headers}
        control.add_fault(**fault, times=1, skip=turn, secrets=rotated(texts, turn))
    right = {"kind": FaultKind.DELAY, "in_batch": True}
    control.add_fault(**right, times=5, headers=headers)
