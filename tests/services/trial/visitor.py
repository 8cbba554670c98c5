"""Somebody who reads a tenant of a local Graph into a folder, and signs in at once when asked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from devstack.graph_service import GraphService
from devstack.graph_service.tenant import COMMAND_LINE_APP
from domain.resource_types.registry import RESOURCE_TYPES
from graph.budgets import LocalBudgets
from graph.clouds import custom_endpoint
from graph.credentials import AppIdentity
from graph.device_sign_in import SignedIn, SignInPrompt
from services.trial.trial_folder import open_folder
from services.trial.trials import Trial, TrialReport, TrialRequest
from tests.graph.conftest import unlimited

Key = tuple[str, str, str | None]


@dataclass
class Visitor:
    """One person with one folder; `scopes` are what the person consents to, null for all."""

    service: GraphService
    tenant: int
    folder: Path
    scopes: Sequence[str] | None = None
    deadline: timedelta = timedelta(minutes=1)
    people: list[SignedIn] = field(default_factory=list)
    steps: list[tuple[int, int, int]] = field(default_factory=list)
    waited: list[tuple[str, str]] = field(default_factory=list)

    def prompt(self, prompt: SignInPrompt) -> None:
        """Sign in with the code."""
        control = self.service.control
        assert control.approve_device_code(prompt.code, tenant=self.tenant, scopes=self.scopes)

    def signed_in(self, person: SignedIn) -> None:
        """Remember who it was."""
        self.people.append(person)

    def progress(self, types_done: int, types_total: int, objects: int) -> None:
        """Remember how far it was."""
        self.steps.append((types_done, types_total, objects))

    def waits(self, resource_type: str, reason_code: str) -> None:
        """Remember what stepped aside."""
        self.waited.append((resource_type, reason_code))

    async def read(self, *keys: str) -> TrialReport:
        """Read these types into the folder."""
        root = self.service.root_url
        request = TrialRequest(
            endpoint=custom_endpoint(authority=root, graph_root=root, ca_file=self.service.ca_file),
            identity=AppIdentity("organizations", COMMAND_LINE_APP),
            types=[RESOURCE_TYPES[key] for key in keys],
            deadline=self.deadline,
        )
        folder = open_folder(self.folder)
        try:
            budgets = LocalBudgets(limits=unlimited)
            trial = Trial(folder=folder, request=request, budgets=budgets, audience=self)
            return await trial.run()
        finally:
            folder.close()

    def documents(self, key: str) -> dict[str, dict[str, Any]]:
        """Return the objects of a type as the folder holds them, by id."""
        state = json.loads((self.folder / "try.json").read_text())
        return {
            object_id: json.loads((self.folder / entry["files"][0]).read_text())
            for object_id, entry in state["types"][key]["objects"].items()
        }

    def files(self) -> dict[str, bytes]:
        """Return every file of objects in the folder, by its path."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.glob("*/*")
            if not path.parent.name.startswith(".")
        }


def found(report: TrialReport) -> set[Key]:
    """Return what a call found changed, apart from the details."""
    return {(change.change, change.object_id, change.name) for change in report.changes}


def causes(report: TrialReport) -> dict[str, str | None]:
    """Return why each type is not whole; null where it is."""
    return {
        of_type.result.resource_type: of_type.result.cause
        or next(iter(of_type.result.problems), None)
        for of_type in report.types
    }
