"""The table of a stack's parts: how each server is made, and what it adds to the environment.

A new server is one class here and one entry in `PART_TYPES`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from devstack.configuration import PartName, PortName, StackConfiguration
from devstack.graph_server import GraphServer
from devstack.postgres import EmbeddedPostgres
from devstack.state import StateFiles
from devstack.temporal_server import NAMESPACE, TemporalOptions, TemporalServer

Ports = Mapping[PortName, int]


class Part(Protocol):
    """One server of a stack, as the supervisor sees it."""

    @property
    def pid(self) -> int | None:
        """Pid while it runs."""

    @property
    def address(self) -> str:
        """Where clients reach it, without secrets."""

    @property
    def ui_url(self) -> str | None:
        """Page for people, if it has one."""

    @property
    def log(self) -> Path:
        """File with its output."""

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead the product to it; may hold a password."""

    def launch(self) -> None:
        """Start without waiting."""

    def wait_ready(self, *, is_cancelled: Callable[[], bool]) -> None:
        """Wait until it answers and holds what the configuration asks for."""

    def stop(self) -> None:
        """End it and leave nothing."""


class PostgresPart(EmbeddedPostgres):
    """PostgreSQL with the product's database."""

    def __init__(self, configuration: StackConfiguration, ports: Ports) -> None:
        directory = StateFiles(configuration.state_directory).postgres
        super().__init__(directory, port=ports[PortName.POSTGRES])
        self._database = configuration.database
        self.ui_url = None

    @property
    def address(self) -> str:
        """URL without user and password."""
        return f"postgresql://127.0.0.1:{self.port}/{self._database}"

    @property
    def environment(self) -> dict[str, str]:
        """DATABASE_URL."""
        return {"DATABASE_URL": self.dsn(self._database, scheme="postgresql+asyncpg")}

    def wait_ready(self, *, is_cancelled: Callable[[], bool] = lambda: False) -> None:
        """Wait for the server, then make sure of the database."""
        super().wait_ready(is_cancelled=is_cancelled)
        self.create_database(self._database)


class TemporalPart(TemporalServer):
    """Temporal with its web UI and a database file."""

    def __init__(self, configuration: StackConfiguration, ports: Ports) -> None:
        options = TemporalOptions(
            port=ports[PortName.TEMPORAL],
            ui_port=ports[PortName.TEMPORAL_UI],
            search_attributes=configuration.search_attributes,
        )
        super().__init__(configuration.state_directory / "temporal", options)

    @property
    def environment(self) -> dict[str, str]:
        """TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE."""
        return {"TEMPORAL_ADDRESS": self.address, "TEMPORAL_NAMESPACE": NAMESPACE}


class GraphPart(GraphServer):
    """The local Graph with its generated tenants."""

    def __init__(self, configuration: StackConfiguration, ports: Ports) -> None:
        directory = StateFiles(configuration.state_directory).graph
        super().__init__(directory, configuration.graph, port=ports[PortName.GRAPH])
        self.ui_url = None

    @property
    def address(self) -> str:
        """Root of Graph and authority alike."""
        return self.url

    @property
    def environment(self) -> dict[str, str]:
        """Root, authority, the certificate authority to trust, and the scale of its budgets."""
        # A scale of 0 switches throttling off here; the product knows positive ones only.
        scale = {"TENANTOPS_GRAPH_BUDGET_SCALE": f"{self.budget_scale:g}"}
        return (scale if self.budget_scale else {}) | {
            "TENANTOPS_GRAPH_ROOT": self.url,
            "TENANTOPS_AUTHORITY_HOST": self.url,
            "TENANTOPS_CA_BUNDLE": str(self.certificate_authority),
        }


# In the order of their start; they end the other way round.
PART_TYPES: Mapping[PartName, Callable[[StackConfiguration, Ports], Part]] = {
    PartName.TEMPORAL: TemporalPart,
    PartName.GRAPH: GraphPart,
    PartName.POSTGRES: PostgresPart,
}

PART_PORTS: Mapping[PartName, tuple[PortName, ...]] = {
    PartName.TEMPORAL: (PortName.TEMPORAL, PortName.TEMPORAL_UI),
    PartName.GRAPH: (PortName.GRAPH,),
    PartName.POSTGRES: (PortName.POSTGRES,),
}


def embedded_parts(configuration: StackConfiguration) -> list[PartName]:
    """Return the parts that this stack runs itself, in the order of their start."""
    return [
        name
        for name in PART_TYPES
        if name not in configuration.external
        and (name is not PartName.GRAPH or GraphServer.is_available())
    ]
