"""Rules of what counts in a document, compiled to places that a walk asks once per property.

Paths are those of domain.resource_types.shape: names joined by `/`, `*` for every element of a
list; `**/` in front means at any depth.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from domain.resource_types.rules import is_annotation
from domain.resource_types.shape import ResourceType, SecretRule, UnorderedList
from domain.secret_names import NEIGHBOURED_VALUES, is_betrayed, is_secret_name

# Raised when the same document may give another hash; old versions are then compared again under
# the new rules and reported as `schema_change`, not as drift (D9).
CANONICAL_RULES_VERSION = 1

# Rows of an assignment list get new ids with every `/assign` (api.md a.0), in any type.
_EVERYWHERE_VOLATILE = ("assignments/*/id", "assignments/*/sourceId")
_EVERYWHERE_UNORDERED = (
    UnorderedList(path="assignments", key="target"),
    UnorderedList(path="roleScopeTagIds"),
    UnorderedList(path="roleScopeTags"),
)
# The schema decides property names, so this holds them all; a hostile body cannot make it grow.
_REMEMBERED_NAMES = 4096


@dataclass(frozen=True)
class CanonicalRules:
    """Rules of one resource type; hashable, so that they are compiled once.

    `volatile` changes without anybody changing the object; `unordered` lists are compared as
    bags; `positional` are lists whose element ids are positions, hence unordered without them;
    `secrets` adds to the names of domain.secret_names.
    """

    version: int = CANONICAL_RULES_VERSION
    volatile: tuple[str, ...] = ()
    unordered: tuple[UnorderedList, ...] = ()
    positional: tuple[str, ...] = ()
    secrets: tuple[SecretRule, ...] = ()


def rules_of(resource_type: ResourceType) -> CanonicalRules:
    """Return the rules that a registry entry carries."""
    return CanonicalRules(
        volatile=resource_type.volatile,
        unordered=resource_type.unordered,
        positional=resource_type.positional_ids,
        secrets=resource_type.secrets,
    )


class PathNode:
    """One step of the rule paths."""

    __slots__ = ("children", "is_dropped", "secrets", "unordered")

    def __init__(self) -> None:
        # The elements of a list stand under `*`.
        self.children: dict[str, PathNode] = {}
        self.is_dropped = False
        self.unordered: UnorderedList | None = None
        self.secrets: tuple[SecretRule, ...] = ()


class Secrecy(NamedTuple):
    """What is known beforehand about the values of a property being secret."""

    always: bool = False
    # Properties beside it that may say so.
    neighbours: tuple[str, ...] = ()
    # Rules that hold only in an object of some type or with some flag.
    conditional: tuple[SecretRule, ...] = ()

    @property
    def is_possible(self) -> bool:
        """Whether a value has to be looked at."""
        return self.always or bool(self.neighbours) or bool(self.conditional)


NOTHING_SECRET = Secrecy()


class Place:
    """What holds for the values at one kind of place of a document.

    `places` remembers the places below, by property name; None stands for a property that does
    not count. `unordered` is the rule of a list that is a bag.
    """

    __slots__ = (
        "_compiled",
        "_elements",
        "_nodes",
        "_secrecy",
        "is_guarded",
        "places",
        "unordered",
    )

    def __init__(
        self, compiled: "CompiledRules", nodes: tuple[PathNode, ...], secrecy: Secrecy
    ) -> None:
        self._compiled = compiled
        self._nodes = nodes
        self._secrecy = secrecy
        self._elements: Place | None = None
        self.places: dict[str, Place | None] = {}
        self.unordered = next((node.unordered for node in nodes if node.unordered), None)
        self.is_guarded = secrecy.is_possible

    def below(self, name: str) -> "Place | None":
        """Return the place of property `name`, or None when the property does not count."""
        if name in self.places:
            return self.places[name]
        place = self._compiled.place(self._nodes, name)
        if len(self.places) < _REMEMBERED_NAMES:
            self.places[name] = place
        return place

    @property
    def elements(self) -> "Place":
        """The place of the elements, for a list at this place."""
        if self._elements is None:
            found = tuple(node.children["*"] for node in self._nodes if "*" in node.children)
            self._elements = self._compiled.shared(found)
        return self._elements

    def hides(self, owner: Mapping[str, object], name: str) -> bool:
        """Whether `owner[name]`, at this place, is a secret; null is none and stays visible."""
        if owner[name] is None:
            return False
        secrecy = self._secrecy
        return (
            secrecy.always
            or is_betrayed(owner, secrecy.neighbours)
            or any(_applies(rule, owner) for rule in secrecy.conditional)
        )


class CompiledRules:
    """All places that the rules of one type tell apart, made when a document first has them."""

    def __init__(self, rules: CanonicalRules) -> None:
        self._top = PathNode()
        self._anywhere = PathNode()
        self._shared: dict[tuple[tuple[int, ...], Secrecy], Place] = {}
        positional_ids = (f"{path}/*/id" for path in rules.positional)
        for path in (*_EVERYWHERE_VOLATILE, *rules.volatile, *positional_ids):
            self._node(path).is_dropped = True
        positional = (UnorderedList(path=path) for path in rules.positional)
        for rule in (*_EVERYWHERE_UNORDERED, *positional, *rules.unordered):
            self._node(rule.path).unordered = rule
        for secret in rules.secrets:
            node = self._node(secret.path or f"**/{secret.property}")
            node.secrets = (*node.secrets, secret)
        self.root = self.shared((self._top,))

    def _node(self, path: str) -> PathNode:
        node = self._anywhere if path.startswith("**/") else self._top
        for name in path.removeprefix("**/").split("/"):
            node = node.children.setdefault(name, PathNode())
        return node

    def shared(self, nodes: tuple[PathNode, ...], secrecy: Secrecy = NOTHING_SECRET) -> Place:
        """Return the one place for this combination of nodes."""
        key = (tuple(id(node) for node in nodes), secrecy)
        if key not in self._shared:
            self._shared[key] = Place(self, nodes, secrecy)
        return self._shared[key]

    def place(self, nodes: Iterable[PathNode], name: str) -> Place | None:
        """Work out the place of property `name` below `nodes`; None when it does not count."""
        if not _counts(name):
            return None
        # A property that is really called `*` matches no rule.
        step = name if name != "*" else ""
        found = [node.children.get(step) for node in (*nodes, self._anywhere)]
        present = tuple(node for node in found if node is not None)
        if any(node.is_dropped for node in present):
            return None
        rules = [rule for node in present for rule in node.secrets]
        secrecy = Secrecy(
            always=is_secret_name(name) or not all(_is_conditional(rule) for rule in rules),
            neighbours=NEIGHBOURED_VALUES.get(name, ()),
            conditional=tuple(rule for rule in rules if _is_conditional(rule)),
        )
        return self.shared(present, secrecy)


@lru_cache(maxsize=256)
def compile_rules(rules: CanonicalRules) -> CompiledRules:
    """Return the compiled rules, the same object for equal rules."""
    return CompiledRules(rules)


def _counts(name: str) -> bool:
    # `…@odata.bind` is how an export refers to another object: content, unlike other annotations.
    return not is_annotation(name) or name.endswith("@odata.bind")


def _is_conditional(rule: SecretRule) -> bool:
    return rule.odata_type is not None or rule.flag is not None


def _applies(rule: SecretRule, owner: Mapping[str, object]) -> bool:
    return (rule.odata_type is None or owner.get("@odata.type") == rule.odata_type) and (
        rule.flag is None or owner.get(rule.flag) is True
    )
