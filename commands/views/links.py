"""Where a person can look: pages of the hub, commands where there is no hub, the Temporal UI."""

from dataclasses import dataclass
from urllib.parse import quote

# First part of one of our paths → the command that shows the same.
_COMMANDS = {
    "operations": ("runs show", "runs list"),
    "connections": ("connection test", "connection list"),
    "schedules": ("schedule show", "schedule list"),
    "backup-sets": ("backup show", "backup sets"),
    "tenants": ("tenant show", "tenant list"),
    "members": ("principal list", "principal list"),
}

# Next steps of the catalog that do something, by their words → the command that does it to the
# object of the path, and the one where the path has none.
_ADD = "tenantops connection add TENANT --app-id ID"
_STEPS = {
    "Start it again": ("tenantops runs retry {}", "run the same command"),
    "Try again later": ("tenantops runs retry {}", "run the same command"),
    "Confirm the deletions": ("tenantops runs retry {}", "tenantops backup run"),
    "Add a connection": (_ADD, _ADD),
    "Add a credential": ("tenantops connection credential {}", "tenantops connection list"),
    "Replace the credential": ("tenantops connection credential {}", "tenantops connection list"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkBase:
    """Where the pages are: the hub and the Temporal UI, None where there is none."""

    hub_url: str | None
    temporal_ui_url: str | None
    namespace: str

    def page(self, path: str) -> str:
        """Return the link of one of our paths; the bare path without a hub (row 27)."""
        return f"{(self.hub_url or '').rstrip('/')}{path}"

    def place(self, path: str) -> str:
        """Return the link of a path, or the command that shows the same where there is no hub."""
        if self.hub_url is not None:
            return self.page(path)
        first, _, rest = path.strip("/").partition("/")
        if first == "docs":
            name, _, anchor = rest.partition("#")
            return f"docs/{name}.md, {anchor}"
        if first not in _COMMANDS:
            return path
        one, every = _COMMANDS[first]
        return f"tenantops {one} {rest}" if rest else f"tenantops {every}"

    def step(self, label: str, path: str) -> str:
        """Return where a next step of the catalog is done: a page, or a command without a hub."""
        if self.hub_url is not None or label not in _STEPS:
            return self.place(path)
        of_object, without = _STEPS[label]
        _, _, rest = path.strip("/").partition("/")
        return of_object.format(rest) if rest else without

    def temporal(self, workflow_id: str) -> str | None:
        """Return the page of a workflow in the Temporal UI."""
        if self.temporal_ui_url is None:
            return None
        root = f"{self.temporal_ui_url.rstrip('/')}/namespaces/{quote(self.namespace, safe='')}"
        return f"{root}/workflows/{quote(workflow_id, safe='')}"
