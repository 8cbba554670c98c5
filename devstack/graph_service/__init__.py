"""A faithful local Microsoft Graph with its token endpoint, over HTTPS on loopback.

It knows nothing of the product: its collection table, permissions and paging rules are written
independently, so that a mistake in the product's registry shows.
"""

from devstack.graph_service.answers import BodyStyle
from devstack.graph_service.config import GraphConfig, Profile, RetryAfterStyle
from devstack.graph_service.control import GraphControl, UnknownObjectError
from devstack.graph_service.control_http import ControlCallError, ControlClient
from devstack.graph_service.faults import PLANTED_SECRETS, FaultKind, FaultSpec
from devstack.graph_service.service import AppHandle, GraphService, TenantHandle, running_graph

__all__ = [
    "PLANTED_SECRETS",
    "AppHandle",
    "BodyStyle",
    "ControlCallError",
    "ControlClient",
    "FaultKind",
    "FaultSpec",
    "GraphConfig",
    "GraphControl",
    "GraphService",
    "Profile",
    "RetryAfterStyle",
    "TenantHandle",
    "UnknownObjectError",
    "running_graph",
]
