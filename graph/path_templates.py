"""Path templates: a Graph path without the ids in it, the only form of a path that is kept (D7).

A segment is shown if it is a word of Graph that we use ourselves; anything else is `{id}`, so an
id that looks like a word cannot pass.
"""

import re
from urllib.parse import unquote

from domain.resource_types.registry import RESOURCE_TYPES
from domain.resource_types.shape import FollowUp

_OTHER_WORDS = (
    "$batch",
    "$count",
    "$ref",
    "beta",
    "delta",
    "directoryObjects",
    "getByIds",
    "groups",
    "managedAppPolicies",
    "members",
    "microsoft.graph.managedDeviceMobileAppConfiguration",
    "organization",
    "roleAssignments",
    "v1.0",
)
_FUNCTION = re.compile(r"([A-Za-z]+)\(.*\)")


def _words() -> frozenset[str]:
    words = set(_OTHER_WORDS)
    for entry in RESOURCE_TYPES.values():
        words.update(entry.list_path.split("/"))
        words.update(name for follow_up in entry.follow_ups for name in _names(follow_up))
        words.update(entry.item_collection(name).rsplit("/", 1)[-1] for name in _typed(entry.key))
        if entry.encrypted_values:
            words.add(entry.encrypted_values.function.partition("(")[0])
    return frozenset(word.lower() for word in words if word)


def _names(follow_up: FollowUp) -> list[str]:
    nested = [name for inner in follow_up.nested for name in _names(inner)]
    return [*follow_up.path.split("/"), *nested]


def _typed(key: str) -> tuple[str, ...]:
    """Return the `@odata.type`s that have collections of their own (api.md a.1)."""
    if key != "appProtection":
        return ()
    names = (
        "androidManagedAppProtection",
        "defaultManagedAppProtection",
        "iosManagedAppProtection",
        "mdmWindowsInformationProtectionPolicy",
        "windowsInformationProtectionPolicy",
        "windowsManagedAppProtection",
    )
    return tuple(f"#microsoft.graph.{name}" for name in names)


_WORDS = _words()


def path_template(path: str) -> str:
    """Return the path without query and ids, for example `/groups/{id}/members`."""
    segments = path.partition("?")[0].strip("/").split("/")
    return "/" + "/".join(_shown(segment) for segment in segments if segment)


def _shown(segment: str) -> str:
    plain = unquote(segment)
    function = _FUNCTION.fullmatch(plain)
    if function and function.group(1).lower() in _WORDS:
        return function.group(1)
    return plain if plain.lower() in _WORDS else "{id}"
