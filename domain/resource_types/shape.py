"""The shape of a registry entry.

A path pattern names a place in a document: property names joined by `/`, `*` for every element of
a list (`assignments/*/id`). A name with `/` cannot occur in OData.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Document = Mapping[str, object]


class Lane(StrEnum):
    """Throttle lane: types of one lane are read by one activity (D10, D11)."""

    INTUNE = "intune"  # deviceManagement and deviceAppManagement
    CONDITIONAL_ACCESS = "conditional_access"  # one request a second for the whole tenant
    DIRECTORY = "directory"  # groups, roles, organization: resource units


class ServiceArea(StrEnum):
    """Area of Graph with a limit of its own (api.md d.2)."""

    APPLICATIONS = "applications"  # Intune apps and their configuration
    APP_PROTECTION = "app_protection"  # Intune MAM policies
    DEVICE_CONFIGURATION = "device_configuration"  # policies, compliance, scripts, updates
    ENROLLMENT = "enrollment"  # enrollment configurations, Autopilot, terms
    INTUNE_RBAC = "intune_rbac"  # Intune roles and scope tags
    NOTIFICATIONS = "notifications"  # notification templates
    INTUNE_AUDIT = "intune_audit"  # Intune's audit events; throttled early (api.md d.2)
    CONDITIONAL_ACCESS = "conditional_access"  # policies and named locations
    DIRECTORY = "directory"  # identity and access
    DIRECTORY_AUDIT = "directory_audit"  # audit log of the directory: five requests in 10 s


class RestoreLevel(StrEnum):
    """How far a backed-up object can be brought back (restore matrix, architecture section 5)."""

    FULL = "full"  # create and update
    CREATE_ONLY = "create_only"  # create; an existing one is not changed
    UPDATE_ONLY = "update_only"  # change; Graph creates none (settings of the tenant, tokens)
    PREVIEW_ONLY = "preview_only"  # compare only, for the reason given


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """A navigation property that a document needs to be complete.

    property: name under which the answer is placed, as `$expand` would.
    path: below the object, or absolute when it starts with `/`; `{element}` is the element's id.
    expanded: the list or item query, or that of the follow-up above, already asks for it, or a
        singleton brings it along; a separate read happens only when the answer lacks it or may
        hold a part.
    element_path: each element is replaced by the answer of this path (its list form is short).
    nested: navigation properties of each element, their paths below `path`/{id of the element}.
    single: the answer is one object, not a collection.
    optional: there may be no such object: a 204, `@odata.null`, or a 404 while its holder exists.
    plain_query: asked from then on when Graph refuses `query`, which expands too much for it.
    inline_needs: an inline collection counts only if it has elements and each has this property:
        an empty one may be an expansion that Graph silently left out.
    id_property: property of each element that the paths of `nested` name it by.
    counted_by: property of the document with the number of elements; more than came inline means
        that the inline answer was a page (api.md d.1).
    claimed_by: property of the document that is true if there are elements: an empty inline list
        beside it is not believed.
    only_if_positive: left out if all of these numeric properties say that there is none.
    """

    property: str
    path: str
    query: str = ""
    plain_query: str | None = None
    expanded: bool = False
    inline_needs: str | None = None
    element_path: str | None = None
    nested: tuple["FollowUp", ...] = ()
    single: bool = False
    optional: bool = False
    id_property: str = "id"
    counted_by: str | None = None
    claimed_by: str | None = None
    only_if_positive: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRead:
    """GET of one object, when the list does not hold all of it.

    query: appended to the item path.
    collection_of: for a polymorphic list, the collection to read an `@odata.type` from; the path
        of the list otherwise.
    query_of: queries of the `@odata.type`s that differ from `query`.
    """

    query: str = ""
    collection_of: Callable[[str | None], str] | None = None
    query_of: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedValues:
    """Values that Graph hands out one by one, and only to an app that may write (api.md a.2).

    list_property: list of the document; flag: boolean that marks an encrypted element; reference:
    property with the argument of the call; function: below the object, `{reference}` in it;
    value: property of the element that the plain value belongs to.
    """

    list_property: str
    flag: str
    reference: str
    function: str
    value: str
    permission: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRule:
    """A property whose value is a secret, by its exact name: never a part of a name.

    odata_type: only in an object of this `@odata.type` (with `#`).
    path: only at this path pattern.
    flag: only beside a sibling property that is true.
    """

    property: str
    odata_type: str | None = None
    path: str | None = None
    flag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCapturedRule:
    """A value that Graph keeps to itself (D9): null, missing, masked, or a reference to it.

    It holds where `property` stands in an object whose sibling `when_property` has one of
    `when_values`; without such a sibling, at the path pattern `path`. masked: only if the value is
    null, missing or asterisks; otherwise always.
    """

    property: str
    when_property: str | None = None
    when_values: frozenset[object] = frozenset()
    path: str | None = None
    masked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnorderedList:
    """A list whose order means nothing. key: path inside an element that pairs two of them."""

    path: str
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRule:
    """What a restore may do. order: foundations first (api.md a.0); reason: why not `full`.

    preview_only_types: `@odata.type`s that cannot be created from a backup.
    """

    level: RestoreLevel
    order: int
    reason: str | None = None
    preview_only_types: frozenset[str] = frozenset()


class Singleton(StrEnum):
    """A type of which a tenant has one object: its list path answers with the object itself.

    The value says what an answer without an object means (docs/extending.md).
    """

    ALWAYS = "always"  # every tenant has it: a 404 or 204 is a failure, and deletes nothing
    # A 404 with Graph's own code, a 204 or `@odata.null` says that it is not set up.
    MAY_BE_ABSENT = "may_be_absent"


def _every_document(_document: Document) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """One entry of the registry.

    key: stable name, as in rows and file names. odata_type: type of the collection's elements.
    version: `v1.0` or `beta`. list_path, list_query: first request; the query is written plainly
    and quoted by the reader. item: how the whole object is read; null when the list has it.
    slice_size: objects that are read in detail before they are handed on, which bounds memory
    and what one long wait can undo. is_bulky: whether a large tenant has most of its bytes here; of
    such types of one service area one is read at a time. belongs: whether an element of the list
    is of this type; each element of a shared collection belongs to exactly one type. It decides
    about new objects only: one that was captured is read on for as long as it exists.
    name_property: display name.
    volatile: patterns left out of the canonical form. positional_ids: lists whose element ids are
    positions. permission_*: least application permission. export_folder: folder of an export.
    needs_odata_type: elements of the list are told apart by their `@odata.type`; one without it
    fails, because nobody knows what it is.
    singleton: how the list path answers if there is one object only; null for collections.
    named_by_path: a singleton that Graph gives no id; it is known by the last segment of its path.
    in_backups: part of a backup unless a schedule says otherwise; left_out_reason: why not, for the
    documentation. is_foundation: others refer to
    it, so a schedule may back it up along with whatever it names (behaviour section 5).
    by_reference: its objects are those that others refer to, read by their ids after everything
    else; one that nothing refers to any more leaves the sets without a deletion (decision 0005).
    """

    key: str
    label: str
    odata_type: str
    list_path: str
    permission_read: str
    permission_write: str
    service_area: ServiceArea
    restore: RestoreRule
    export_folder: str
    version: str = "beta"
    list_query: str = ""
    item: ItemRead | None = None
    follow_ups: tuple[FollowUp, ...] = ()
    encrypted_values: EncryptedValues | None = None
    slice_size: int = 100
    is_bulky: bool = False
    belongs: Callable[[Document], bool] = _every_document
    name_property: str = "displayName"
    volatile: tuple[str, ...] = ()
    unordered: tuple[UnorderedList, ...] = ()
    positional_ids: tuple[str, ...] = ()
    secrets: tuple[SecretRule, ...] = ()
    not_captured: tuple[NotCapturedRule, ...] = ()
    needs_odata_type: bool = False
    singleton: Singleton | None = None
    named_by_path: bool = False
    in_backups: bool = True
    left_out_reason: str | None = None
    is_foundation: bool = False
    by_reference: bool = False

    @property
    def lane(self) -> Lane:
        """The throttle lane that follows from the service area."""
        if self.service_area is ServiceArea.CONDITIONAL_ACCESS:
            return Lane.CONDITIONAL_ACCESS
        return Lane.DIRECTORY if self.service_area is ServiceArea.DIRECTORY else Lane.INTUNE

    def object_id_of(self, document: Document) -> object:
        """Return the id of a list entry: its own, or the path's end of one that has none."""
        own = document.get("id")
        if self.named_by_path and not own:
            return self.list_path.rsplit("/", 1)[-1]
        return own

    def item_collection(self, odata_type: str | None) -> str:
        """Return the collection path from which an object of this `@odata.type` is read whole."""
        if self.item is None or self.item.collection_of is None:
            return self.list_path
        return self.item.collection_of(odata_type)

    def item_query(self, odata_type: str | None) -> str:
        """Return the query of the item read for an object of this `@odata.type`."""
        if self.item is None:
            return ""
        return self.item.query_of.get(odata_type or "", self.item.query)
