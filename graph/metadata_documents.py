"""Reading Graph's metadata document (CSDL): which collections and settings a version has.

Owns the XML. It knows no registry; what is configuration and what is covered is decided elsewhere.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import parse

_EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
_RESTRICTIONS = ("InsertRestrictions", "UpdateRestrictions", "DeleteRestrictions")
# Containers within containers, such as identity/conditionalAccess/authenticationStrength.
_DEEPEST = 3


class MetadataUnreadableError(ValueError):
    """A document is no metadata document of Graph."""

    reason_code = "input_invalid"


@dataclass(frozen=True, slots=True, order=True)
class MetadataPlace:
    """A contained collection, or a contained single object.

    path: below the version, with a leading slash. entity_type: without namespace. is_read_only:
    the document says that nothing can be inserted, updated or deleted there.
    """

    path: str
    entity_type: str
    is_collection: bool
    is_read_only: bool


@dataclass(slots=True)
class _Navigation:
    name: str
    entity_type: str
    is_collection: bool


@dataclass(slots=True)
class _EntityType:
    base: str | None
    has_properties: bool
    navigations: list[_Navigation] = field(default_factory=list)


class MetadataDocument:
    """One parsed document."""

    def __init__(self, text: bytes) -> None:
        """Parse a document; raises MetadataUnreadableError."""
        try:
            root: Element | None = parse(io.BytesIO(text)).getroot()
        except (ParseError, DefusedXmlException, ValueError, LookupError):
            root = None
        if root is None or not root.tag.endswith("}Edmx"):
            raise MetadataUnreadableError("the document is no OData metadata")
        self._aliases = _aliases(root)
        self._types: dict[str, _EntityType] = {}
        self._roots: dict[str, str] = {}
        self._read_only: set[str] = set()
        for schema in root.iter(f"{_EDM}Schema"):
            self._read_types(schema)
            self._read_annotations(schema)
        for singleton in root.iter(f"{_EDM}Singleton"):
            self._roots[singleton.get("Name", "")] = self._full(singleton.get("Type", ""))
        self._sets = {
            entry.get("Name", ""): self._full(entry.get("EntityType", ""))
            for entry in root.iter(f"{_EDM}EntitySet")
        }

    def places(self, roots: Sequence[str]) -> list[MetadataPlace]:
        """Return what is contained below these singletons, such as `deviceManagement`, sorted.

        A root may go on into single objects: `identityGovernance/termsOfUse`. Raises
        MetadataUnreadableError when the document has none of them.
        """
        found: dict[str, MetadataPlace] = {}
        for root in roots:
            name, *further = root.split("/")
            entity_type = self._roots.get(name)
            for step in further:
                entity_type = self._single(entity_type, step)
            if entity_type is not None:
                found.update((place.path, place) for place in self._below(f"/{root}", entity_type))
        if not found:
            raise MetadataUnreadableError("the document has none of the parts that are watched")
        return sorted(found.values())

    def tops(self, roots: Sequence[str]) -> list[MetadataPlace]:
        """Return the singletons and collections at the top that none of these roots is in, sorted.

        A root inside of a singleton leaves the singleton among them: the rest of it is not watched.
        """
        watched = set(roots)
        singles = [(name, entity, False) for name, entity in self._roots.items()]
        collections = [(name, entity, True) for name, entity in self._sets.items()]
        return sorted(
            MetadataPlace(f"/{name}", entity.rpartition(".")[2], is_collection, is_read_only=False)
            for name, entity, is_collection in singles + collections
            if name not in watched
        )

    def missing(self, roots: Sequence[str]) -> list[str]:
        """Return those of these roots that the document lacks, where it might have had them."""
        return [root for root in roots if "/" not in root and root not in self._roots]

    def _below(self, path: str, entity_type: str, depth: int = 1) -> Iterator[MetadataPlace]:
        for owner, navigation in self._navigations(entity_type):
            below = f"{path}/{navigation.name}"
            is_container = self._is_container(navigation)
            if not is_container:
                yield MetadataPlace(
                    below,
                    navigation.entity_type.rpartition(".")[2],
                    navigation.is_collection,
                    f"{owner}/{navigation.name}" in self._read_only,
                )
            if not navigation.is_collection and depth < _DEEPEST:
                yield from self._below(below, navigation.entity_type, depth + 1)

    def _is_container(self, navigation: _Navigation) -> bool:
        """Tell whether an object only holds others and has nothing of its own."""
        if navigation.is_collection:
            return False
        lineage = list(self._lineage(navigation.entity_type))
        holds = any(entity.navigations for _, entity in lineage)
        return holds and not any(entity.has_properties for _, entity in lineage)

    def _single(self, entity_type: str | None, step: str) -> str | None:
        if entity_type is None:
            return None
        return next(
            (n.entity_type for _, n in self._navigations(entity_type) if n.name == step), None
        )

    def _navigations(self, entity_type: str) -> Iterator[tuple[str, _Navigation]]:
        for name, entity in self._lineage(entity_type):
            for navigation in entity.navigations:
                yield name, navigation

    def _lineage(self, entity_type: str) -> Iterator[tuple[str, _EntityType]]:
        name: str | None = entity_type
        seen: set[str] = set()
        while name is not None and name in self._types and name not in seen:
            seen.add(name)
            yield name, self._types[name]
            name = self._types[name].base

    def _read_types(self, schema: Element) -> None:
        namespace = schema.get("Namespace", "")
        for entity in schema.findall(f"{_EDM}EntityType"):
            base = entity.get("BaseType")
            name = f"{namespace}.{entity.get('Name')}"
            # The id that every entity has says nothing about it.
            own = [p for p in entity.findall(f"{_EDM}Property") if p.get("Name") != "id"]
            known = _EntityType(self._full(base) if base else None, bool(own))
            for property_ in entity.findall(f"{_EDM}NavigationProperty"):
                if property_.get("ContainsTarget") == "true":
                    known.navigations.append(self._navigation(property_))
            self._types[name] = known

    def _navigation(self, element: Element) -> _Navigation:
        given = element.get("Type", "")
        is_collection = given.startswith("Collection(")
        inner = given.removeprefix("Collection(").removesuffix(")")
        return _Navigation(element.get("Name", ""), self._full(inner), is_collection)

    def _read_annotations(self, schema: Element) -> None:
        for block in schema.findall(f"{_EDM}Annotations"):
            refused = {
                term
                for annotation in block.findall(f"{_EDM}Annotation")
                if (term := annotation.get("Term", "").rpartition(".")[2]) in _RESTRICTIONS
                and any(v.get("Bool") == "false" for v in annotation.iter(f"{_EDM}PropertyValue"))
            }
            if refused >= {"InsertRestrictions", "UpdateRestrictions"}:
                target, _, name = block.get("Target", "").partition("/")
                self._read_only.add(f"{self._full(target)}/{name}")

    def _full(self, name: str) -> str:
        prefix, _, last = name.rpartition(".")
        return f"{self._aliases.get(prefix, prefix)}.{last}"


def _aliases(root: Element) -> Mapping[str, str]:
    return {
        alias: schema.get("Namespace", "")
        for schema in root.iter(f"{_EDM}Schema")
        if (alias := schema.get("Alias")) is not None
    }
