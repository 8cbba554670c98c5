"""One call of `tenantops try`: sign in, read, compare with the folder, bring it up to date.

No database and no settings of the product: what it needs is given. Nothing is written to the
tenant; every request reads.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from domain.canonical_rules import rules_of
from domain.resource_types.registry import RESOURCE_TYPES
from domain.resource_types.shape import ResourceType
from graph.budgets import BudgetSource
from graph.client import ClientSettings, GraphClient
from graph.clouds import GraphEndpoint
from graph.credentials import AppIdentity
from graph.delegated_tokens import DelegatedTokens
from graph.device_sign_in import DeviceSignIn, SignedIn, SignInPrompt
from graph.errors import protocol_error
from graph.retry import Pacing
from graph.transport import Transport, TransportSettings
from services.trial.lanes import LaneReading, by_lane, run_all
from services.trial.referenced_objects import referenced_ids
from services.trial.trial_folder import TrialFolder, TrialFolderError
from services.trial.trial_reports import TypeOutcome, TypeReport, TypeSummary
from services.trial.trial_state import KnownType, TrialChange, TrialState
from services.trial.type_readings import TypeEnding, TypeReading


class TrialAudience(Protocol):
    """Whoever watches a call."""

    def prompt(self, prompt: SignInPrompt) -> None:
        """Show where to sign in, with which code."""

    def signed_in(self, person: SignedIn) -> None:
        """Say who signed in."""

    def progress(self, types_done: int, types_total: int, objects: int) -> None:
        """Show how far the reading is."""

    def waits(self, resource_type: str, reason_code: str) -> None:
        """Show that a type steps aside for a while, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRequest:
    """What to read, and as which app. identity: its tenant may be `organizations`."""

    endpoint: GraphEndpoint
    identity: AppIdentity
    types: Sequence[ResourceType]
    deadline: timedelta
    proxy: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReport:
    """What came of a call.

    is_first: there was nothing to compare with. unseen: what an earlier call had found that was
    ended before it could say so.
    """

    entra_tenant_id: str
    is_first: bool
    types: Sequence[TypeReport]
    changes: Sequence[TrialChange]
    unseen: Sequence[TrialChange] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every type was read whole."""
        return all(of_type.is_whole for of_type in self.types)


class Trial:
    """Runs one call in a folder that it was given."""

    def __init__(
        self,
        *,
        folder: TrialFolder,
        request: TrialRequest,
        budgets: BudgetSource,
        audience: TrialAudience,
        pacing: Pacing | None = None,
    ) -> None:
        self._folder = folder
        self._request = request
        self._budgets = budgets
        self._audience = audience
        self._pacing = pacing or Pacing()
        self._former = _former_types(folder)
        self._endings: dict[str, TypeEnding] = {}
        self._objects = 0

    async def run(self) -> TrialReport:
        """Return the report; the folder is up to date then.

        Raises GraphError if nobody signed in, TrialFolderError if the folder holds another tenant,
        and OSError. Whatever is raised leaves the folder as it was.
        """
        request = self._request
        sign_in = DeviceSignIn(
            request.endpoint,
            request.identity,
            self._audience.prompt,
            proxy=request.proxy,
            pacing=self._pacing,
        )
        permissions = sorted({of_type.permission_read for of_type in request.types})
        tokens = DelegatedTokens(sign_in, request.endpoint, permissions, pacing=self._pacing)
        limits = TransportSettings(proxy=request.proxy)
        try:
            async with Transport(request.endpoint, limits) as transport:
                granted = frozenset(await tokens.roles())
                tenant_id = self._welcome(sign_in.signed_in)
                client = GraphClient(
                    identity=AppIdentity(tenant_id, request.identity.app_id),
                    transport=transport,
                    tokens=tokens,
                    budgets=self._budgets,
                    settings=ClientSettings(pacing=self._pacing),
                )
                await self._read(client)
        finally:
            await tokens.close()
        # In this thread: an interrupt comes before it or after it, never in between.
        return self._conclude(tenant_id, granted)

    def _welcome(self, person: SignedIn | None) -> str:
        if person is None:
            raise protocol_error("no_id_token")
        self._audience.signed_in(person)
        state = self._folder.state
        place = (person.entra_tenant_id, self._request.endpoint.cloud.value)
        if state is not None and (state.entra_tenant_id, state.cloud) != place:
            raise TrialFolderError("holds another tenant than the one signed in to; name a new one")
        return person.entra_tenant_id

    async def _read(self, client: GraphClient) -> None:
        deadline = self._pacing.monotonic() + self._request.deadline.total_seconds()
        self._at_page(0)
        types = self._request.types
        listed = [self._reading(client, entry) for entry in types if not entry.by_reference]
        await self._read_lanes(listed, deadline)
        # What others refer to is known now.
        named = await asyncio.to_thread(referenced_ids, self._endings, self._former, self._folder)
        context = [
            self._reading(client, entry, named.get(entry.key, ()))
            for entry in types
            if entry.by_reference
        ]
        await self._read_lanes(context, deadline)

    def _reading(
        self, client: GraphClient, of_type: ResourceType, referenced: Sequence[str] = ()
    ) -> TypeReading:
        return TypeReading(
            client=client,
            resource_type=of_type,
            folder=self._folder,
            former=self._former.get(of_type.key),
            at_page=self._at_page,
            referenced=referenced,
        )

    async def _read_lanes(self, readings: Sequence[TypeReading], deadline: float) -> None:
        await run_all(
            [
                LaneReading(
                    lane,
                    deadline=deadline,
                    at_end=self._at_end,
                    at_wait=self._audience.waits,
                    pacing=self._pacing,
                ).read()
                for lane in by_lane(readings)
            ]
        )

    def _at_page(self, objects: int) -> None:
        self._objects += objects
        total = len(self._request.types)
        self._audience.progress(len(self._endings), total, self._objects)

    def _at_end(self, resource_type: ResourceType, ending: TypeEnding) -> None:
        self._endings[resource_type.key] = ending
        self._at_page(0)

    def _conclude(self, tenant_id: str, granted: frozenset[str]) -> TrialReport:
        """Publish what was read and return the report."""
        read_at = self._pacing.now()
        outcomes = {
            of_type.key: self._outcome(of_type, granted, read_at) for of_type in self._request.types
        }
        changes = [change for outcome in outcomes.values() for change in outcome.changes]
        former = self._folder.state
        unseen = former.changes if former is not None and self._folder.recovered else ()
        known = {key: outcome.known for key, outcome in outcomes.items()}
        self._folder.publish(
            TrialState(
                entra_tenant_id=tenant_id,
                cloud=self._request.endpoint.cloud.value,
                read_at=read_at,
                key_id=self._folder.key_id,
                types=self._former | known,
                changes=changes,
            )
        )
        return TrialReport(
            entra_tenant_id=tenant_id,
            is_first=former is None,
            types=[outcome.report for outcome in outcomes.values()],
            changes=changes,
            unseen=unseen,
        )

    def _outcome(
        self, of_type: ResourceType, granted: frozenset[str], read_at: datetime
    ) -> TypeOutcome:
        former, ending = self._former.get(of_type.key), self._endings[of_type.key]
        return TypeSummary(of_type, former, ending, granted).outcome(read_at)


def _former_types(folder: TrialFolder) -> dict[str, KnownType]:
    if folder.state is None:
        return {}
    rules = {key: rules_of(of_type).version for key, of_type in RESOURCE_TYPES.items()}
    return folder.state.comparable(folder.key_id, rules)
