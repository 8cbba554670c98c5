"""What a stack consists of: where its state lives, its ports, and which servers are not its own.

Plain data that crosses to the supervisor process as JSON on its command line; hence no secrets.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PROJECT = Path(__file__).resolve().parent.parent
STATE_DIRECTORY_VARIABLE = "TENANTOPS_DEVSTACK_DIR"


class PartName(StrEnum):
    """The servers of a stack."""

    # Embedded PostgreSQL, replaced by DATABASE_URL.
    POSTGRES = "postgres"
    # Temporal dev server with its web UI, replaced by TEMPORAL_ADDRESS.
    TEMPORAL = "temporal"
    # Local Microsoft Graph, replaced by TENANTOPS_GRAPH_ROOT.
    GRAPH = "graph"


REPLACING_VARIABLES = {
    PartName.POSTGRES: "DATABASE_URL",
    PartName.TEMPORAL: "TEMPORAL_ADDRESS",
    PartName.GRAPH: "TENANTOPS_GRAPH_ROOT",
}


class PortName(StrEnum):
    """The ports of a stack, by what listens there."""

    # PostgreSQL.
    POSTGRES = "postgres"
    # Temporal, gRPC.
    TEMPORAL = "temporal"
    # Temporal's web UI.
    TEMPORAL_UI = "temporal_ui"
    # Local Graph and token endpoint, HTTPS.
    GRAPH = "graph"


DEFAULT_PORTS = {
    PortName.POSTGRES: 55432,
    PortName.TEMPORAL: 7233,
    PortName.TEMPORAL_UI: 8233,
    PortName.GRAPH: 8443,
}


@dataclass(frozen=True)
class GraphOptions:
    """What the local Graph serves.

    profile: size of a tenant (S, M, L or stress). tenants: how many. seed: of the generated data.
    budget_scale: factor on the throttling budgets of Microsoft Graph; 1 is faithful.
    arguments: further ones of its command line.
    """

    profile: str = "M"
    tenants: int = 2
    seed: int = 7
    budget_scale: float = 1.0
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class StackConfiguration:
    """Everything that decides how a stack runs.

    ports: only explicit ones, by name; a taken one is an error then. 0 means any free port. A port
    that is not named prefers the one used last, else the default, else the next free one.
    search_attributes: name → type, registered in Temporal. external: part → shown address of a
    server that replaces it. database: created in the embedded PostgreSQL.
    """

    state_directory: Path = PROJECT / ".devstack"
    ports: Mapping[PortName, int] = field(default_factory=dict)
    search_attributes: Mapping[str, str] = field(default_factory=dict)
    graph: GraphOptions = field(default_factory=GraphOptions)
    external: Mapping[PartName, str] = field(default_factory=dict)
    database: str = "tenantops"

    def to_json(self) -> str:
        """Return the form that `from_json` reads."""
        return json.dumps(asdict(self) | {"state_directory": str(self.state_directory)})

    @classmethod
    def from_json(cls, text: str) -> "StackConfiguration":
        """Read what `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        graph = values["graph"]
        return cls(
            state_directory=Path(values["state_directory"]),
            ports={PortName(name): port for name, port in values["ports"].items()},
            search_attributes=values["search_attributes"],
            graph=GraphOptions(**(graph | {"arguments": tuple(graph["arguments"])})),
            external={PartName(name): shown for name, shown in values["external"].items()},
            database=values["database"],
        )

    def with_external_servers(
        self, environment: Mapping[str, str], own: Mapping[str, str]
    ) -> "StackConfiguration":
        """Replace each part that a variable of `environment` names.

        `own` are the variables this stack gave out last: a shell that exported those does not name
        an external server.
        """
        external = {
            part: without_secrets(environment[variable])
            for part, variable in REPLACING_VARIABLES.items()
            if environment.get(variable) and environment[variable] != own.get(variable)
        }
        return replace(self, external={**self.external, **external})


def default_state_directory() -> Path:
    """`.devstack` of the checkout, unless TENANTOPS_DEVSTACK_DIR names another."""
    return Path(os.environ.get(STATE_DIRECTORY_VARIABLE) or PROJECT / ".devstack").resolve()


def without_secrets(address: str) -> str:
    """Return an address fit for a terminal: no user, no password, no query."""
    if "://" not in address:
        return address
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
