"""Compares an IntuneCD backup with an export of ours, object by object, leaf by leaf.

Every difference has to be of a cause that is named here and checked by what it claims: a name that
stands for an id has to be that object's name, a list that was cut has to be the beginning of ours.
What no cause explains is reported as it is. Objects are paired by the id that IntuneCD writes into
its file names when asked to (`--append-id`).
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Document = dict[str, Any]
MISSING = object()
_HEAD = """\
# Agreement with IntuneCD

Written by `make bench ONLY=AGREEMENT`; do not edit. Unmodified IntuneCD 2.6.0 (only the host part
of its addresses changed) and TenantOps backed up the same tenant of the local Graph ({tenant});
each file of IntuneCD is compared with our document of the same id, value by value. IntuneCD ran
with `--append-id`, without which objects of one name overwrite one another, and with
`--ignore-omasettings`, since the app may only read.

{objects:,} objects of {types} types were compared, with {leaves:,} values in IntuneCD's files.
Differences without an explanation: **{unexplained}**. {missing} that IntuneCD wrote is
missing in our set.

## Differences and their causes
"""
# IntuneCD's own folders beside the objects.
NO_OBJECTS = frozenset({"Script Data", "Assignment Report", "mobileconfig"})
# What `remove_keys` of IntuneCD takes out of every object, and of some inner ones.
REMOVED = frozenset(
    {
        *("id", "version", "topicIdentifier", "certificate", "createdDateTime", "isAssigned"),
        *("lastModifiedDateTime", "sourceId", "supportsScopeTags", "companyCodes", "token"),
        *("isGlobalScript", "highestAvailableVersion", "lastSyncDateTime", "isReadOnly"),
        *("secretReferenceValueId", "isEncrypted", "modifiedDateTime", "deployedAppCount"),
        "deviceHealthScriptType",
    }
)
# What single modules of IntuneCD take out or do not ask for.
LEFT_OUT = frozenset(
    {
        ("mobileApp", "/description"),
        ("mobileApp", "/categories"),
        ("intuneRole", "/permissions"),
        ("intuneRole", "/rolePermissions/*/actions"),
        ("intuneRole", "/roleAssignments/*/resourceScopes"),
        ("endpointSecurityIntent", "/isMigratingToConfigurationPolicy"),
        ("reusableSetting", "/referencingConfigurationPolicyCount"),
    }
)
CAUSES = {
    "annotation": "Addresses that Graph writes beside what it returns (`@odata.context`). We keep "
    "the answer as it came; they are no configuration and count in no comparison.",
    "removed_key": "Ids, dates, versions and states that IntuneCD removes from every object. We "
    "keep them: a restore and a history need the id.",
    "left_out": "Properties that single modules of IntuneCD remove or never ask for, such as an "
    "app's description and categories, or deprecated copies of a role's actions.",
    "name_for_id": "IntuneCD writes the name of a group, filter, scope tag, app or template where "
    "the object has its id. We keep the id and record the name beside the set "
    "(`references.json`). Checked: the name is that object's.",
    "added_name": "Name, kind and membership rule of a group, or name of a template, that IntuneCD "
    "adds to an assignment or action. Checked against the group or template of our set.",
    "empty_left_out": "An empty list of assignments, which IntuneCD leaves out.",
    "decoded": "A base64 value that IntuneCD decodes. Checked: it decodes to the same.",
    "settings_renamed": "IntuneCD collects the settings of a legacy intent under `settingsDelta`, "
    "by category. Checked: the same settings with the same values.",
    "another_tag": "**Wrong in IntuneCD**: it looks for the assignments of an object by its id "
    "anywhere in an address, and the ids of scope tags are small numbers, so tag 1 gets those of "
    "tag 10 (here also by the digits of the local Graph's own address). Checked: their groups are "
    "those of other tags.",
    "cut_at_25": "**Lost by IntuneCD**: it asks for assignments in batches and does not follow the "
    "next link inside an answer, so an object with more than 25 assignments keeps the first 25. "
    "Checked: ours begins with them.",
}
# Our types that IntuneCD 2.6 reads; what is missing of one needs a cause.
READ = frozenset(
    {
        "adminTemplate",
        "apnsCertificate",
        "appConfigDevice",
        "appProtection",
        "autopilotProfile",
        "caPolicy",
        "compliancePartner",
        "compliancePolicy",
        "compliancePolicyV2",
        "complianceScript",
        "customAttribute",
        "deviceCategory",
        "deviceConfiguration",
        "deviceManagementPartner",
        "driverUpdate",
        "endpointSecurityIntent",
        "enrollmentConfig",
        "featureUpdate",
        "filter",
        "intuneRole",
        "managedGooglePlay",
        "mobileApp",
        "notificationTemplate",
        "powershellScript",
        "qualityUpdate",
        "remediation",
        "remoteAssistancePartner",
        "reusableSetting",
        "scopeTag",
        "settingsCatalog",
        "shellScript",
        "tenantSettings",
        "updateRings",
        "vppToken",
    }
)
# Types and single objects that IntuneCD does not write, and why.
NOT_READ = {
    "group": "IntuneCD writes names of groups into assignments, not the groups",
    "appConfigManagedApp": "IntuneCD reads configurations for managed devices only",
}
NOT_WRITTEN: Mapping[str, tuple[str, Callable[[Document], bool]]] = {
    "remediation": (
        "IntuneCD leaves out Microsoft's own scripts",
        lambda document: document.get("publisher") == "Microsoft",
    ),
    "compliancePartner": (
        "IntuneCD leaves out partners that are not set up",
        lambda document: document.get("partnerState") == "unknown",
    ),
    "deviceManagementPartner": (
        "IntuneCD leaves out partners that are not set up",
        lambda document: document.get("isConfigured") is False,
    ),
    "remoteAssistancePartner": (
        "IntuneCD leaves out partners that are not set up",
        lambda document: document.get("onboardingStatus") == "notOnboarded",
    ),
    "appleDep": ("IntuneCD writes the profiles of a token, not the token", lambda _: True),
}
# IntuneCD's folder → our type, of objects whose file names have no id.
SINGLETONS = {"Device Management Settings": "tenantSettings", "Apple Push Notification": "apns"}


@dataclass(frozen=True, slots=True)
class Ours:
    """One object of our export."""

    resource_type: str
    document: Document


@dataclass(slots=True)
class Agreement:
    """What a comparison found. causes: (resource type, cause) → differences."""

    compared: Counter[str] = field(default_factory=Counter)
    causes: Counter[tuple[str, str]] = field(default_factory=Counter)
    only_ours: Counter[tuple[str, str]] = field(default_factory=Counter)
    leaves: int = 0
    # Objects that only they have; each is unexplained as well.
    missing: int = 0
    unexplained: list[str] = field(default_factory=list)


def read_export(folder: Path) -> dict[str, Ours]:
    """Return the objects of an export of ours by id in lower case."""
    index = json.loads((folder / "set.json").read_text())
    return {
        entry["object_id"].lower(): Ours(
            entry["resource_type"], json.loads((folder / path).read_text())
        )
        for path, entry in index["files"].items()
    }


def read_intunecd(folder: Path) -> Iterator[tuple[str, str, Document]]:
    """Yield (folder, id in lower case, document) of each object that IntuneCD wrote."""
    for path in sorted(folder.rglob("*.json")):
        place = path.relative_to(folder).parts
        if not NO_OBJECTS.intersection(place):
            named = re.search(r"__(.+)\.json$", path.name)
            yield place[0], named.group(1).lower() if named else "", json.loads(path.read_text())


class Comparison:
    """Compares two backups of one tenant."""

    def __init__(self, ours: dict[str, Ours]) -> None:
        self._ours = ours
        self._names = {
            key: str(entry.document.get("displayName") or entry.document.get("name"))
            for key, entry in ours.items()
        }
        self.found = Agreement()

    def run(self, theirs: Iterator[tuple[str, str, Document]]) -> Agreement:
        """Compare everything; what is only on one side needs a cause too."""
        seen: set[str] = set()
        for folder, object_id, document in theirs:
            key, mine = self._find(folder, object_id)
            if mine is None:
                self.found.unexplained.append(f"{folder}: {object_id} is not in our set")
                self.found.missing += 1
                continue
            seen.add(key)
            self.found.compared[mine.resource_type] += 1
            self._compare(mine, document)
        for key, mine in self._ours.items():
            if key not in seen:
                self._note_only_ours(key, mine)
        return self.found

    def _find(self, folder: str, object_id: str) -> tuple[str, Ours | None]:
        if object_id in self._ours:
            return object_id, self._ours[object_id]
        wanted = SINGLETONS.get(folder)
        for key, mine in self._ours.items():
            if wanted is not None and mine.resource_type.startswith(wanted):
                return key, mine
            for profile in mine.document.get("enrollmentProfiles") or ():
                if object_id and profile.get("id", "").lower() == object_id:
                    return object_id, Ours("appleDep profile", profile)
        return object_id, None

    def _note_only_ours(self, key: str, mine: Ours) -> None:
        kind = mine.resource_type
        reason = NOT_READ.get(kind)
        if reason is None and kind in NOT_WRITTEN and NOT_WRITTEN[kind][1](mine.document):
            reason = NOT_WRITTEN[kind][0]
        if reason is None and kind not in READ:
            reason = "not read by IntuneCD"
        if reason is None:
            self.found.unexplained.append(f"{kind}: IntuneCD has no file of {key}")
        else:
            self.found.only_ours[(kind, reason)] += 1

    def _compare(self, mine: Ours, theirs: Document) -> None:
        kind, own = mine.resource_type, dict(mine.document)
        if "settingsDelta" in theirs:
            theirs = {**theirs, "settings": by_definition(theirs["settingsDelta"])}
            del theirs["settingsDelta"]
            own["settings"] = by_definition(own["settings"])
            self.found.causes[(kind, "settings_renamed")] += 1
        if kind == "scopeTag" and self._is_of_another_tag(theirs, own):
            self.found.causes[(kind, "another_tag")] += 1
            theirs, own = ({**side, "assignments": []} for side in (theirs, own))
        for difference in walk(theirs, own):
            cause = self._cause(kind, difference)
            if cause is None:
                self.found.unexplained.append(
                    f"{kind} {own.get('id')} {difference.pattern}: "
                    f"{str(difference.theirs)[:80]!r} and {str(difference.ours)[:80]!r}"
                )
            else:
                self.found.causes[(kind, cause)] += 1
        self.found.leaves += count_leaves(theirs)

    def _cause(self, kind: str, found: "Difference") -> str | None:
        if found.theirs is MISSING:
            return self._cause_of_missing(kind, found)
        if found.ours is MISSING:
            return "added_name" if self._is_added_name(found) else None
        if isinstance(found.theirs, list) and isinstance(found.ours, list):
            is_cut = found.name == "assignments" and len(found.theirs) == 25
            return "cut_at_25" if is_cut and len(found.ours) > 25 else None
        if self._is_name_of(found.theirs, found.ours):
            return "name_for_id"
        return "decoded" if decodes_to(found.ours, found.theirs) else None

    def _cause_of_missing(self, kind: str, found: "Difference") -> str | None:
        if found.name.endswith("@odata.context"):
            return "annotation"
        if found.name == "assignments" and found.ours == []:
            return "empty_left_out"
        if (kind, found.pattern) in LEFT_OUT:
            return "left_out"
        if found.name == "groupId":
            is_named = self._is_name_of(found.their_parent.get("groupName"), found.ours)
            return "name_for_id" if is_named else None
        if found.name == "selectedMobileAppIds":
            names = [app["name"] for app in found.their_parent.get("selectedMobileAppNames", ())]
            return "name_for_id" if names == [self._name(app) for app in found.ours] else None
        return "removed_key" if found.name in REMOVED else None

    def _is_of_another_tag(self, theirs: Document, own: Document) -> bool:
        """Tell whether a tag has assignments of other tags and not its own."""
        given = [row["target"].get("groupName") for row in theirs.get("assignments") or ()]
        return given != self._groups_of(own) and set(given) <= {
            name
            for mine in self._ours.values()
            if mine.resource_type == "scopeTag"
            for name in self._groups_of(mine.document)
        }

    def _groups_of(self, tag: Document) -> list[str | None]:
        """Return the names of the groups that a tag is assigned to, in their order."""
        targets = [row["target"] for row in tag.get("assignments") or ()]
        return [self._name(target.get("groupId", "")) for target in targets]

    def _is_added_name(self, found: "Difference") -> bool:
        parent = found.our_parent
        if found.name == "notificationTemplateName":
            return self._is_name_of(found.theirs, parent.get("notificationTemplateId"))
        if found.name == "selectedMobileAppNames":
            return "selectedMobileAppIds" in parent
        group = self._ours.get(str(parent.get("groupId")).lower())
        if group is None:
            return False
        kinds = group.document.get("groupTypes") or ()
        expected = {
            "groupName": group.document.get("displayName"),
            "groupType": "DynamicMembership"
            if "DynamicMembership" in kinds
            else "StaticMembership",
            "membershipRule": group.document.get("membershipRule"),
        }
        return found.name in expected and expected[found.name] == found.theirs

    def _is_name_of(self, name: Any, object_id: Any) -> bool:
        if isinstance(name, dict) and isinstance(object_id, list) and len(object_id) == 1:
            name, object_id = name.get("appName"), object_id[0]
        return isinstance(object_id, str) and self._name(object_id) == name

    def _name(self, object_id: str) -> str | None:
        return self._names.get(object_id.lower())


@dataclass(frozen=True, slots=True)
class Difference:
    """One place at which two documents differ; parents are the objects that hold it."""

    pattern: str
    name: str
    theirs: Any
    ours: Any
    their_parent: Document
    our_parent: Document


def walk(theirs: Document, ours: Document, pattern: str = "") -> Iterator[Difference]:
    """Yield the differences of two objects."""
    for key in sorted(theirs.keys() | ours.keys()):
        one, other = theirs.get(key, MISSING), ours.get(key, MISSING)
        yield from _values(one, other, f"{pattern}/{key}", key, (theirs, ours))


def _values(
    theirs: Any, ours: Any, pattern: str, name: str, parents: tuple[Document, Document]
) -> Iterator[Difference]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        yield from walk(theirs, ours, pattern)
    elif isinstance(theirs, list) and isinstance(ours, list):
        if len(theirs) != len(ours):
            yield Difference(pattern, name, theirs, ours, *parents)
        for one, other in zip(theirs, ours, strict=False):
            yield from _values(one, other, f"{pattern}/*", name, parents)
    elif type(theirs) is not type(ours) or theirs != ours:
        yield Difference(pattern, name, theirs, ours, *parents)


def by_definition(settings: list[Document]) -> list[Document]:
    """Return settings in the order of what they set."""
    return sorted(settings, key=lambda row: json.dumps([row["definitionId"], row], sort_keys=True))


def decodes_to(encoded: Any, decoded: Any) -> bool:
    """Tell whether base64 text decodes to a text, or to the JSON of a value."""
    if not isinstance(encoded, str):
        return False
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        return bool(decoded == text) or bool(json.loads(text) == decoded)
    except ValueError:
        return False


def count_leaves(value: Any) -> int:
    """Return how many values a document has."""
    if isinstance(value, dict):
        return sum(map(count_leaves, value.values()))
    if isinstance(value, list):
        return sum(map(count_leaves, value))
    return 1


def document(found: Agreement, tenant: str) -> str:
    """Return `docs/intunecd-agreement.md`."""
    head = _HEAD.format(
        tenant=tenant,
        objects=sum(found.compared.values()),
        types=len(found.compared),
        leaves=found.leaves,
        unexplained=len(found.unexplained),
        missing="Nothing" if not found.missing else f"{found.missing:,} of the objects",
    )
    lines = [head, "| cause | differences | types | explanation |", "|---|---|---|---|"]
    for cause, text in CAUSES.items():
        types = {kind: n for (kind, key), n in found.causes.items() if key == cause}
        if types:
            lines.append(f"| {cause} | {sum(types.values()):,} | {len(types)} | {text} |")
    lines += ["", "## Objects compared", "", "| type | objects |", "|---|---|"]
    lines += [f"| {kind} | {number:,} |" for kind, number in sorted(found.compared.items())]
    lines += ["", "## Only in our set", "", "| type | objects | why |", "|---|---|---|"]
    lines += [
        f"| {kind} | {number:,} | {why} |"
        for (kind, why), number in sorted(found.only_ours.items())
    ]
    return "\n".join([*lines, ""])
