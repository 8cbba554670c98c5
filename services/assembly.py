"""Every service, made from the settings: the one composition that worker, command line and hub use.

Nothing is connected until it is used; `open_services` closes what was opened.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

import uuid_utils
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from services.accounts.accounts import AccountService
from services.admission.admission import AdmissionService
from services.admission.operation_starts import OperationStarts
from services.admission.prerequisites import Prerequisites
from services.admission.start_plans import Deadlines, StartPlans
from services.backups.captures import CaptureService
from services.backups.context_reading import ContextReading
from services.backups.lane_reading import LaneReading
from services.connections.connections import ConnectionService
from services.connections.graph_access import GraphAccess
from services.contents.configured_root_keys import configured_root_keys
from services.contents.contents import ContentReader
from services.contents.root_keys import RootKeys
from services.contents.tenant_keys import TenantKeys
from services.directory_roles.directory_role_definitions import (
    DirectoryRoleDefinitionsService,
    RoleSyncGround,
)
from services.directory_roles.directory_role_reads import DirectoryRoleReads
from services.process.temporal_client import connect
from services.proofs.certificates import SetCertificates
from services.proofs.signing_keys import SigningKeys
from services.runs.operation_runs import OperationRunService
from services.runs.run_gate import GatePolicy, RunGate
from services.runs.run_reads import RunReadService
from services.runs.run_waiting import RunWaiting
from services.schedules.schedules import ScheduleService
from services.schedules.temporal_schedules import TemporalSchedules
from settings import Settings
from storage.engine import create_budget_engine, create_engine

if TYPE_CHECKING:
    from services.contents.key_rotation import TenantKeyRotation
    from services.contents.root_rotation import RootKeyRotation
    from services.coverage.coverage_watch import CoverageWatch
    from services.history.change_attribution import ChangeAttribution
    from services.history.change_events import ChangeEvents
    from services.history.object_history import ObjectHistory
    from services.history.set_differences import SetDifferences
    from services.imports.imports import SetImporter
    from services.proofs.certificate_reading import CertificateReads
    from services.proofs.verification import Verification
    from services.references.name_books import NameBooks
    from services.references.object_references import ObjectReferences
    from services.sets.backup_sets import BackupSets
    from services.sets.exports import SetExporter
    from services.sets.last_complete import LastCompleteReads
    from services.sets.live_comparison import LiveComparison
    from services.sets.set_comparison import SetComparison


def now() -> datetime:
    """Return the wall clock in UTC; the product's one clock outside of workflows."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """Return a UUIDv7, so that rows sort by creation."""
    return UUID(str(uuid_utils.uuid7()))


class Services:
    """The services of one process; each is made when first asked for."""

    def __init__(self, settings: Settings, *, application_name: str) -> None:
        self.settings = settings
        self._application_name = application_name
        self._client: Client | None = None

    async def temporal(self) -> Client:
        """Return the process's Temporal client, connected."""
        if self._client is None:
            self._client = await connect()
        return self._client

    @cached_property
    def engine(self) -> AsyncEngine:
        """Connections to PostgreSQL."""
        return create_engine(
            self.settings.database_url.get_secret_value(),
            application_name=self._application_name,
        )

    @cached_property
    def budget_engine(self) -> AsyncEngine:
        """Connections to PostgreSQL for request budgets."""
        return create_budget_engine(
            self.settings.database_url.get_secret_value(),
            application_name=self._application_name,
        )

    @cached_property
    def deadlines(self) -> Deadlines:
        """How long runs may work."""
        return Deadlines(
            backup=self.settings.backup_deadline, role_sync=self.settings.role_sync_deadline
        )

    @cached_property
    def plans(self) -> StartPlans:
        """How workflows are started."""
        return StartPlans(self.deadlines, self.settings.hub_url)

    @cached_property
    def root_keys(self) -> RootKeys:
        """What data keys and the signing key are wrapped with; raises when none is configured."""
        return configured_root_keys(self.settings)

    @cached_property
    def keys(self) -> TenantKeys:
        """Data keys of tenants; raises when no root key is configured."""
        return TenantKeys(engine=self.engine, root_key=self.root_keys, clock=now, new_id=new_id)

    @cached_property
    def root_key_rotation(self) -> "RootKeyRotation":
        """Rotating the root key."""
        from services.contents.root_rotation import RootKeyRotation

        return RootKeyRotation(
            engine=self.engine, root_keys=self.root_keys, clock=now, new_id=new_id
        )

    @cached_property
    def tenant_key_rotation(self) -> "TenantKeyRotation":
        """Rotating data keys of tenants."""
        from services.contents.key_rotation import TenantKeyRotation

        return TenantKeyRotation(engine=self.engine, keys=self.keys, clock=now, new_id=new_id)

    @cached_property
    def signing_keys(self) -> SigningKeys:
        """The key that signs certificates."""
        return SigningKeys(root_keys=self.root_keys, clock=now, new_id=new_id)

    @cached_property
    def runs(self) -> OperationRunService:
        """The one writer of runs."""
        return OperationRunService(engine=self.engine, clock=now, new_id=new_id)

    @cached_property
    def run_reads(self) -> RunReadService:
        """Lists and details of runs."""
        return RunReadService(engine=self.engine, clock=now)

    @cached_property
    def admission(self) -> AdmissionService:
        """The one way to start work."""
        return AdmissionService(
            engine=self.engine,
            runs=self.runs,
            prerequisites=Prerequisites(clock=now),
            plans=self.plans,
        )

    @cached_property
    def starts(self) -> OperationStarts:
        """Starting operations from code."""
        return OperationStarts(
            engine=self.engine,
            admission=self.admission,
            runs=self.runs,
            connect=self.temporal,
            task_queue=self.settings.task_queue,
        )

    @cached_property
    def waiting(self) -> RunWaiting:
        """Following runs."""
        return RunWaiting(engine=self.engine)

    @cached_property
    def accounts(self) -> AccountService:
        """Workspaces, tenants, principals."""
        return AccountService(engine=self.engine, clock=now, new_id=new_id)

    @cached_property
    def connections(self) -> ConnectionService:
        """Provider connections."""
        return ConnectionService(engine=self.engine, keys=self.keys, clock=now, new_id=new_id)

    @cached_property
    def access(self) -> GraphAccess:
        """Graph clients of connections."""
        return GraphAccess(
            settings=self.settings, engine=self.budget_engine, connections=self.connections
        )

    @cached_property
    def coverage(self) -> "CoverageWatch":
        """What of Graph no type reads."""
        from services.coverage.coverage_watch import CoverageWatch

        return CoverageWatch(access=self.access)

    @cached_property
    def captures(self) -> CaptureService:
        """Effects of backups."""
        return CaptureService(
            engine=self.engine,
            keys=self.keys,
            certificates=SetCertificates(signing_keys=self.signing_keys),
            clock=now,
            new_id=new_id,
        )

    @cached_property
    def contents(self) -> ContentReader:
        """Stored documents."""
        return ContentReader(engine=self.engine, keys=self.keys)

    @cached_property
    def backup_sets(self) -> "BackupSets":
        """Backup sets, their types and entries."""
        from services.sets.backup_sets import BackupSets

        return BackupSets(engine=self.engine, keys=self.keys)

    @cached_property
    def certificates(self) -> "CertificateReads":
        """Certificates of sets."""
        from services.proofs.certificate_reading import CertificateReads

        return CertificateReads(engine=self.engine, signing_keys=self.signing_keys)

    @cached_property
    def verification(self) -> "Verification":
        """Recomputing of everything that is stored of sets."""
        from services.proofs.verification import Verification

        return Verification(engine=self.engine, keys=self.keys, signing_keys=self.signing_keys)

    @cached_property
    def last_complete(self) -> "LastCompleteReads":
        """When each type was last read to its end."""
        from services.sets.last_complete import LastCompleteReads

        return LastCompleteReads(engine=self.engine)

    @cached_property
    def name_books(self) -> "NameBooks":
        """Names of what sets refer to."""
        from services.references.name_books import NameBooks

        return NameBooks(engine=self.engine, keys=self.keys, sets=self.backup_sets)

    @cached_property
    def object_references(self) -> "ObjectReferences":
        """Objects of sets with what they refer to, and who refers to an object."""
        from services.references.object_references import ObjectReferences

        return ObjectReferences(
            engine=self.engine, keys=self.keys, sets=self.backup_sets, names=self.name_books
        )

    @cached_property
    def comparison(self) -> "SetComparison":
        """What changed between sets, and by a run."""
        from services.sets.set_comparison import SetComparison

        return SetComparison(engine=self.engine, keys=self.keys, sets=self.backup_sets)

    @cached_property
    def imports(self) -> "SetImporter":
        """Imports of folders as backup sets."""
        from services.imports.imports import SetImporter

        return SetImporter(engine=self.engine, keys=self.keys, clock=now, new_id=new_id)

    @cached_property
    def exports(self) -> "SetExporter":
        """Exports of backup sets."""
        from services.sets.exports import SetExporter

        return SetExporter(
            sets=self.backup_sets,
            reader=self.contents,
            names=self.name_books,
            certificates=self.certificates,
        )

    @cached_property
    def gate(self) -> RunGate:
        """Begin and end of runs."""
        policy = GatePolicy(
            deadlines=self.deadlines,
            heartbeat_timeout=self.settings.heartbeat_timeout,
            reads_events=True,
        )
        return RunGate(
            engine=self.engine,
            runs=self.runs,
            prerequisites=Prerequisites(clock=now),
            captures=self.captures,
            policy=policy,
        )

    @cached_property
    def reading(self) -> LaneReading:
        """Reading of lanes."""
        return LaneReading(
            engine=self.engine,
            runs=self.runs,
            captures=self.captures,
            access=self.access,
            clock=now,
        )

    @cached_property
    def context_reading(self) -> ContextReading:
        """Reading of what the versions of a backup refer to."""
        return ContextReading(lanes=self.reading, events=self.change_events)

    @cached_property
    def change_events(self) -> "ChangeEvents":
        """Collecting who changed what."""
        from services.history.change_events import ChangeEvents

        return ChangeEvents(engine=self.engine, keys=self.keys, clock=now)

    @cached_property
    def attribution(self) -> "ChangeAttribution":
        """Who made the changes."""
        from services.history.change_attribution import ChangeAttribution

        return ChangeAttribution(engine=self.engine, keys=self.keys)

    @cached_property
    def differences(self) -> "SetDifferences":
        """What differs between two sets, down to single properties."""
        from services.history.set_differences import SetDifferences

        return SetDifferences(
            engine=self.engine,
            reader=self.contents,
            sets=self.backup_sets,
            comparison=self.comparison,
        )

    @cached_property
    def live_comparison(self) -> "LiveComparison":
        """Sets beside tenants as they are now."""
        from services.sets.live_comparison import LiveComparison

        return LiveComparison(
            engine=self.engine, keys=self.keys, sets=self.backup_sets, access=self.access
        )

    @cached_property
    def object_history(self) -> "ObjectHistory":
        """The history of single objects."""
        from services.history.object_history import ObjectHistory

        return ObjectHistory(
            engine=self.engine,
            keys=self.keys,
            comparison=self.comparison,
            attribution=self.attribution,
        )

    @cached_property
    def roles(self) -> DirectoryRoleDefinitionsService:
        """Sync of directory role definitions."""
        return DirectoryRoleDefinitionsService(
            RoleSyncGround(self.engine, self.access, self.keys, now, new_id)
        )

    @cached_property
    def role_reads(self) -> DirectoryRoleReads:
        """The cache of directory role definitions."""
        return DirectoryRoleReads(engine=self.engine, contents=self.contents)

    async def schedules(self) -> ScheduleService:
        """Backup schedules; connects to Temporal, which follows them."""
        temporal = TemporalSchedules(
            client=await connect(lazy=True), task_queue=self.settings.task_queue
        )
        return ScheduleService(engine=self.engine, temporal=temporal, clock=now, new_id=new_id)

    async def close(self) -> None:
        """Close what was opened."""
        if "access" in vars(self):
            await self.access.close()
        if "root_keys" in vars(self):
            await self.root_keys.close()
        for name in {"engine", "budget_engine"} & vars(self).keys():
            await getattr(self, name).dispose()


@asynccontextmanager
async def open_services(
    settings: Settings, *, application_name: str = "tenantops"
) -> AsyncIterator[Services]:
    """Give out the services of this process and close them in the end."""
    services = Services(settings, application_name=application_name)
    try:
        yield services
    finally:
        await services.close()
