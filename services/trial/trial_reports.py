"""What came of one call: each type's numbers, what changed, and the state to remember. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domain.canonical_rules import rules_of
from domain.outcome import PermissionState, TypeResult
from domain.provider_errors import ProviderReason
from domain.resource_types.shape import ResourceType
from domain.schema_changes import ComparedObject, schema_changes
from services.trial.object_comparison import SeenObject
from services.trial.trial_state import KnownObject, KnownType, TrialChange
from services.trial.type_readings import TypeEnding

_DENIED = ProviderReason.PERMISSION_DENIED.value
_DANGLING = "reference_dangling"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeReport:
    """One type of a call. result: counts and causes, as in a backup.

    permission: what reading needs. is_consented: whether the sign-in brought that permission; where
    it did and Graph refused all the same, the person lacks a role.
    """

    result: TypeResult
    label: str
    permission: str
    is_consented: bool

    @property
    def is_whole(self) -> bool:
        """Whether all there is was read, or left out for a harmless cause."""
        return self.result.is_clean


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeOutcome:
    """What one type adds: to the report, to the changes and to the state."""

    report: TypeReport
    changes: Sequence[TrialChange]
    known: KnownType


@dataclass(frozen=True, slots=True)
class TypeSummary:
    """Turns a type's ending into its outcome. former: null if it was never read."""

    resource_type: ResourceType
    former: KnownType | None
    ending: TypeEnding
    granted: frozenset[str] = field(default_factory=frozenset)

    def outcome(self, read_at: datetime) -> TypeOutcome:
        """Return the outcome; `read_at` is the time of the call."""
        kinds = self._kinds()
        return TypeOutcome(
            report=TypeReport(
                result=self._result(kinds),
                label=self.resource_type.label,
                permission=self.resource_type.permission_read,
                is_consented=self.resource_type.permission_read in self.granted,
            ),
            changes=self._changes(kinds),
            known=self._known(read_at),
        )

    def _kinds(self) -> dict[str, str]:
        """Return what became of each object that was read: a change, or `unchanged`."""
        read = {name: one for name, one in self.ending.seen.items() if one.known is not None}
        former = self._former()
        unmade = self._unmade(read)
        kinds: dict[str, str] = {}
        for name, one in read.items():
            if name not in former:
                kinds[name] = self._arrival(name)
            elif not one.is_changed:
                kinds[name] = "unchanged"
            else:
                kinds[name] = "schema_change" if name in unmade else "updated"
        return kinds

    def _arrival(self, name: str) -> str:
        if self.former is None:
            return "created"
        was_looked_for = self.former.listing_complete and name not in self.former.failed
        # What is read by reference may only be named for the first time.
        is_new = was_looked_for and not self.resource_type.by_reference
        return "created" if is_new else "first_read"

    def _unmade(self, read: Mapping[str, SeenObject]) -> set[str]:
        """Return the changed objects that nobody changed (decision 0003)."""
        compared = [
            ComparedObject(name, one.odata_type, one.differences or ())
            for name, one in read.items()
            if name in self._former()
        ]
        alone = {name for name, one in read.items() if one.is_reading_alone}
        return schema_changes(compared) | alone

    def _result(self, kinds: Mapping[str, str]) -> TypeResult:
        ending = self.ending
        counts = Counter(kinds.values())
        failed = [one.reason_code or "" for one in ending.seen.values() if one.known is None]
        not_captured = sum(
            len(one.known.not_captured) for one in ending.seen.values() if one.known is not None
        )
        is_denied = ending.reason_code == _DENIED
        return TypeResult(
            resource_type=self.resource_type.key,
            expected=len(ending.seen) + len(ending.missing) + ending.dangling,
            captured=len(kinds) - counts["unchanged"],
            unchanged=counts["unchanged"],
            skipped=ending.dangling,
            failed=len(failed),
            created=counts["created"],
            updated=counts["updated"],
            deleted=len(ending.deleted),
            not_captured=not_captured,
            reason_code=ending.reason_code,
            listing_complete=ending.listing_complete,
            permission_state=PermissionState.DENIED if is_denied else PermissionState.UNKNOWN,
            reason_counts=Counter(failed) + Counter({_DANGLING: ending.dangling}),
        )

    def _changes(self, kinds: Mapping[str, str]) -> list[TrialChange]:
        """Return what to tell; nothing of a type that was never read before, which starts here."""
        if self.former is None or not (self.former.listing_complete or self.former.objects):
            return []
        found = [
            TrialChange(
                resource_type=self.resource_type.key,
                object_id=name,
                name=None if one.known is None else one.known.name,
                change=kinds[name],
                differences=one.differences if name in self._former() else (),
            )
            for name, one in self.ending.seen.items()
            if kinds.get(name, "unchanged") != "unchanged"
        ]
        found += [
            TrialChange(
                resource_type=self.resource_type.key,
                object_id=name,
                name=self.former.objects[name].name,
                change="deleted",
            )
            for name in self.ending.deleted
        ]
        return sorted(
            found, key=lambda change: (change.change, change.name or "", change.object_id)
        )

    def _known(self, read_at: datetime) -> KnownType:
        """Return what to remember: what was read, and what nobody proved to be gone."""
        ending = self.ending
        kept = ending.seen.keys() | set(ending.missing)
        objects = {name: one for name, one in self._former().items() if name in kept}
        failed: dict[str, str] = {}
        for name, one in ending.seen.items():
            if one.known is not None:
                objects[name] = one.known
            elif one.reason_code is not None:
                failed[name] = one.reason_code
        return KnownType(
            listing_complete=ending.listing_complete,
            read_at=read_at,
            rules=rules_of(self.resource_type).version,
            reason_code=ending.reason_code,
            objects=objects,
            failed=failed,
            held=tuple(ending.missing) if ending.reason_code == "listing_held" else None,
        )

    def _former(self) -> Mapping[str, KnownObject]:
        return {} if self.former is None else self.former.objects
