"""One tenant's generated content: ids without bodies, and bodies on demand."""

from __future__ import annotations

from collections.abc import Mapping

from devstack.graph_service.catalog import CATALOG, Collection, IdStyle
from devstack.graph_service.config import Profile
from devstack.graph_service.generation.draw import Document, Draw, stable_guid
from devstack.graph_service.generation.profiles import (
    BUILT_IN_DIRECTORY_ROLES,
    BUILT_IN_INTUNE_ROLES,
    count_of,
)

# The same in every tenant.
SECURITY_DEFAULTS_ID = "00000000-0000-0000-0000-000000000005"


class World:
    """Pure functions of (seed, tenant number): nothing here changes after it was made.

    `count`, `id_of` and `body` are what generators and object stores use. Built-in directory
    roles have the same ids in every tenant, as in Entra.
    """

    def __init__(
        self, *, seed: int, tenant: int, profile: Profile, counts: Mapping[str, int] | None = None
    ) -> None:
        self.seed = seed
        self.tenant = tenant
        self.profile = profile
        self._counts = {CATALOG.get(k).key: v for k, v in (counts or {}).items()}
        self.tenant_id = stable_guid(seed, tenant, "tenant")
        self.label = f"{Draw(seed, tenant, 'label').title(1)}works{tenant + 1}"
        self.domain = f"{self.label.lower()}.onmicrosoft.com"

    def count(self, key: str) -> int:
        """How many objects this collection begins with."""
        collection = CATALOG.by_key[key]
        if collection.singleton:
            return 1
        return self._counts.get(key, count_of(key, self.profile))

    def draw(self, key: str, index: int, purpose: str = "body") -> Draw:
        """The stream of choices for one object."""
        return Draw(self.seed, self.tenant, key, index, purpose)

    def id_of(self, key: str, index: int) -> str:  # noqa: PLR0911 - one per id style
        """Id of the generated object with this index."""
        collection = CATALOG.by_key[key]
        guid = stable_guid(self.seed, self.tenant, key, index)
        match collection.ids:
            case IdStyle.GUID:
                return self._shared_id(collection, index) or guid
            case IdStyle.SMALL_INTEGER:
                return str(index)
            case IdStyle.CONTEXT:
                return f"c{index + 1}"
            case IdStyle.T_PREFIXED:
                return f"T_{guid}"
            case IdStyle.SUFFIXED:
                from devstack.graph_service.generation.enrollment import suffix_of

                return f"{guid}_{suffix_of(index)}"
            case IdStyle.URL_SAFE:
                return "".join(guid.split("-")) + "-1"
            case IdStyle.NAMED:
                return self._named_id(collection, index)

    def pick_id(self, draw: Draw, key: str) -> str | None:
        """Id of some object of a collection, or None when it has none."""
        total = self.count(key)
        return self.id_of(key, draw.number(0, total - 1)) if total else None

    def body(self, key: str, index: int) -> Document:
        """The full document: own properties and all navigation properties."""
        from devstack.graph_service.generation.registry import GENERATORS

        return GENERATORS[key](self, index)

    def header(self, key: str, index: int) -> Document | None:
        """Own properties alone, for collections whose navigation properties cost most."""
        from devstack.graph_service.generation.registry import HEADERS

        generate = HEADERS.get(key)
        return None if generate is None else generate(self, index)

    def _shared_id(self, collection: Collection, index: int) -> str | None:
        if collection.key in ("directoryRoleDefinitions", "directoryRoleTemplates"):
            if index < BUILT_IN_DIRECTORY_ROLES:
                return stable_guid("directory role template", index)
        elif collection.key == "roleDefinitions" and index < BUILT_IN_INTUNE_ROLES:
            return stable_guid("intune role", index)
        elif collection.key == "templates":
            return stable_guid("intent template", index)
        elif collection.key == "authenticationStrengthPolicies" and index < 3:
            return f"00000000-0000-0000-0000-00000000000{index + 2}"
        return None

    def _named_id(self, collection: Collection, index: int) -> str:
        if collection.key == "organization":
            return self.tenant_id
        if collection.key == "applePushNotificationCertificate":
            return stable_guid(self.seed, self.tenant, collection.key)
        if collection.key == "identitySecurityDefaultsEnforcementPolicy":
            return SECURITY_DEFAULTS_ID
        if collection.key == "domains":
            return self.domain if index == 0 else f"{self.label.lower()}{index}.example"
        return collection.key
