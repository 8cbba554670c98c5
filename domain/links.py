"""Canonical paths of everything that a run may point to; nobody else builds one (rows 14, 103).

Paths are relative to the address under which the pages are served. The keys of a run's context
decide which related objects are linked; unknown keys link nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class LinkTarget(StrEnum):
    """Where a next step leads."""

    # The run itself.
    RUN = "run"
    # The connection of the run, else the list of connections.
    CONNECTION = "connection"
    # The schedule of the run, else the list of schedules.
    SCHEDULE = "schedule"
    # The settings of the tenant.
    TENANT = "tenant"
    # The members of the workspace.
    MEMBERS = "members"
    # The explanation of the reason code.
    DOCUMENTATION = "documentation"


@dataclass(frozen=True, slots=True)
class RelatedLink:
    """One object that a run is about: the context key, its id and its page."""

    key: str
    object_id: str
    path: str


_RELATED = {
    "provider_connection_id": "/connections/",
    "backup_schedule_id": "/schedules/",
    "backup_schedule_run_id": "/history/backup-schedule-runs/",
    "backup_set_id": "/backup-sets/",
    "policy_id": "/policies/",
    "restore_run_id": "/restores/",
}

# The keys of `operation_runs.context` that the seed names; `target_scope` is an object of its own.
CONTEXT_KEYS = frozenset(_RELATED) | {"target_scope", "scheduled_for", "selection", "idempotency"}


def run_path(operation_run_id: object) -> str:
    """Canonical page of a run; never prefixed by a tenant (behaviour section 8)."""
    return f"/operations/{operation_run_id}"


def related_links(context: Mapping[str, object]) -> tuple[RelatedLink, ...]:
    """Links for the known keys of a context, in a fixed order; anything else gives none."""
    links = [_related(key, context.get(key)) for key in _RELATED]
    scope = context.get("target_scope")
    if isinstance(scope, Mapping):
        links.append(_tenant_link(scope.get("entra_tenant_id")))
    return tuple(link for link in links if link is not None)


def link_path(target: LinkTarget, context: Mapping[str, object], code: str) -> str:
    """Path of a next step of the reason `code`, as precise as the context allows."""
    match target:
        case LinkTarget.RUN:
            run_id = context.get("operation_run_id")
            return "/operations" if run_id is None else run_path(run_id)
        case LinkTarget.CONNECTION:
            return _object_path(context, "provider_connection_id")
        case LinkTarget.SCHEDULE:
            return _object_path(context, "backup_schedule_id")
        case LinkTarget.TENANT:
            return "/tenants"
        case LinkTarget.MEMBERS:
            return "/members"
        case LinkTarget.DOCUMENTATION:
            return f"/docs/reasons#{code}"


def _object_path(context: Mapping[str, object], key: str) -> str:
    link = _related(key, context.get(key))
    return _RELATED[key].rstrip("/") if link is None else link.path


def _related(key: str, value: object) -> RelatedLink | None:
    if not isinstance(value, str | int) or not _is_plain(str(value)):
        return None
    return RelatedLink(key, str(value), f"{_RELATED[key]}{value}")


def _tenant_link(value: object) -> RelatedLink | None:
    if not isinstance(value, str) or not _is_plain(value):
        return None
    return RelatedLink("target_scope", value, f"/tenants/{value}")


def _is_plain(value: str) -> bool:
    # An id may reach a page's href: nothing that could leave the path.
    return 0 < len(value) <= 64 and all(c.isascii() and (c.isalnum() or c == "-") for c in value)
