"""The tenants of the local Graph, and what a connection to each needs.

Their client secrets go into files of the stack's folder that only the owner reads, so that none is
ever on a screen or a command line.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devstack.stack import Stack


@dataclass(frozen=True, slots=True)
class LocalApp:
    """An app registration in a tenant of the local Graph."""

    tenant_name: str
    entra_tenant_id: str
    app_name: str
    app_id: str
    secret_file: str


async def local_apps(stack: "Stack") -> list[LocalApp]:
    """Return every app of every tenant; raises KeyError when the stack has no Graph of its own."""
    from devstack.graph_service.control_http import ControlClient

    graph_directory = stack.configuration.state_directory / "graph"
    root = stack.environment()["TENANTOPS_GRAPH_ROOT"]
    async with ControlClient(root_url=root, state_dir=graph_directory) as control:
        tenants = await control.call("list_tenants")
    return [
        _kept(graph_directory / "secrets", tenant, name, app)
        for tenant in tenants
        for name, app in tenant["apps"].items()
    ]


def _kept(directory: Path, tenant: dict[str, Any], name: str, app: dict[str, str]) -> LocalApp:
    from devstack.private_files import write_private_text

    directory.mkdir(mode=0o700, exist_ok=True)
    file = directory / f"{app['client_id']}.txt"
    write_private_text(file, app["secret"])
    return LocalApp(tenant["name"], tenant["tenant_id"], name, app["client_id"], str(file))
