"""The vocabulary of the collection table: what Graph lets one do with one collection."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class NotFoundSegmentError(LookupError):
    """A path segment that this version of the API does not have."""

    def __init__(self, segment: str) -> None:
        super().__init__(segment)
        self.segment = segment


class Area(enum.StrEnum):
    """Service area: the scope of a throttling budget (api.md d.2)."""

    DEVICE_CONFIGURATION = "device_configuration"  # policies, scripts, updates
    ADMX = "admx"  # group policy templates; same budget, with a switchable hot spot
    APPLICATIONS = "applications"  # apps and their configuration
    MAM = "mam"  # app protection
    ENROLLMENT = "enrollment"  # enrolment, Autopilot, terms
    RBAC = "rbac"  # Intune roles and scope tags
    NOTIFICATIONS = "notifications"  # message templates
    DEVICES = "devices"  # inventory: doubled budget
    AUDIT = "audit"  # audit events
    REPORTS = "reports"  # audit log of the directory: five requests in ten seconds
    CLOUD_PC = "cloud_pc"  # Windows 365
    CONDITIONAL_ACCESS = "conditional_access"  # one request per second, no Retry-After
    IDENTITY = "identity"  # directory: resource units


class ListExpand(enum.StrEnum):
    """What `$expand` of a navigation property does on the list (api.md a.0)."""

    ALLOWED = "allowed"  # works
    EMPTY = "empty"  # accepted, always []
    REFUSED = "refused"  # 400


class IdStyle(enum.StrEnum):
    """How the ids of a collection look."""

    GUID = "guid"  # lower-case GUID
    SMALL_INTEGER = "small_integer"  # "0", "1", … (scope tags)
    SUFFIXED = "suffixed"  # GUID_TypeName (enrolment configurations)
    T_PREFIXED = "t_prefixed"  # T_GUID (app protection)
    CONTEXT = "context"  # c1, c2, … (authentication contexts)
    URL_SAFE = "url_safe"  # opaque url-safe string (role assignments)
    NAMED = "named"  # the generator decides (singletons, domains)


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """A property that is read with `$expand` or with a GET of its own."""

    name: str
    children: tuple[Navigation, ...] = ()
    page_size: int = 25
    max_top: int = 1000
    single: bool = False  # one object instead of a list
    on_list: ListExpand = ListExpand.ALLOWED
    inline: bool = False  # always part of its parent; $expand changes nothing
    key: str = "id"  # property of an element that a path names it by
    status_of_none: int = 204  # what the path of a single object answers when there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One row of the table: path, permissions and the rules of reading and writing."""

    key: str  # short name: counts, control and generators use it
    path: str  # without leading slash, as documented
    entity: str  # type name without #microsoft.graph.
    area: Area
    read: tuple[str, ...]  # any of these application permissions reads
    write: tuple[str, ...]  # any of these writes
    navigations: tuple[Navigation, ...] = ()
    in_v1: bool = False
    in_beta: bool = True
    name: str = "displayName"
    page_size: int = 50
    max_top: int = 1000
    refuse_top_above: bool = False  # directory style: a larger $top is a 400, not capped
    cosmos_token: bool = False  # double-encoded token, count and tips on the page
    null_in_list: tuple[str, ...] = ()
    write_only: tuple[str, ...] = ()  # taken in bodies, null in every answer
    absent_in_list: tuple[str, ...] = ()  # present in list only when named in $select
    beta_only: tuple[str, ...] = ()  # properties that v1.0 does not have
    filterable: frozenset[str] | None = None  # None: any property
    filter_ignored: bool = False
    singleton: bool = False
    polymorphic: bool = False  # @odata.type stands in minimal metadata
    ids: IdStyle = IdStyle.GUID
    creatable: bool = True
    replace_by_put: bool = False  # PUT replaces the whole, PATCH changes header fields only
    assign_key: str = "assignments"  # body key of /assign
    view_of: str = ""  # key of the collection whose objects this path shows
    cast: str = ""  # only objects of this type (view of a polymorphic collection)
    undated: bool = False  # no createdDateTime or lastModifiedDateTime

    def navigation(self, name: str) -> Navigation | None:
        """Navigation property by its name in any case."""
        lowered = name.lower()
        return next((n for n in self.navigations if n.name.lower() == lowered), None)


def permission_pair(family: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read and write permission names of one family, as `X.Read.All` and `X.ReadWrite.All`."""
    read_write = f"{family}.ReadWrite.All"
    return (f"{family}.Read.All", read_write), (read_write,)
