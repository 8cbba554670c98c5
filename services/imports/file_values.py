"""The bytes of a file as a value of JSON: encodings, JSON, YAML, and what is refused of them.

Nothing is guessed and nothing dropped in silence: what cannot be read exactly has a named fault.
"""

import codecs
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from domain.canonical import MAXIMUM_DEPTH
from domain.import_faults import FileFault, FileFaultError

# Longer marks first: that of UTF-32 begins like that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What the library raises for tags that their values do not fit, like `!!int ""`.
_OF_TAGS: Final = (AttributeError, LookupError, TypeError)
_SCALARS: Final = (str, bool, int, type(None))


class _DuplicateKeyError(ValueError):
    """An object names a property twice."""


def value_in(content: bytes, *, is_yaml: bool) -> Any:
    """Return what a file says, as values that JSON has; raises FileFaultError."""
    text = decoded(content)
    fault = FileFault.NOT_YAML if is_yaml else FileFault.NOT_JSON
    try:
        value = _from_yaml(text) if is_yaml else _from_json(text)
    except _DuplicateKeyError:
        raise FileFaultError(FileFault.DUPLICATE_KEY) from None
    except RecursionError:
        raise FileFaultError(FileFault.TOO_DEEP) from None
    except FileFaultError:
        raise
    except (ValueError, yaml.YAMLError, *_OF_TAGS):
        raise FileFaultError(fault) from None
    _check(value, fault, len(text))
    return value


def decoded(content: bytes) -> str:
    """Return the text of a file: UTF-8, or UTF-16 or UTF-32 by mark; UTF-16 also without one."""
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if encoding is None:
        encoding = _unmarked(content[:4])
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise FileFaultError(FileFault.UNREADABLE_ENCODING) from None


def _unmarked(start: bytes) -> str:
    # Every document begins with two characters of ASCII.
    if len(start) > 1 and not start[0] and start[1]:
        return "utf-16-be"
    if len(start) > 1 and start[0] and not start[1]:
        return "utf-16-le"
    return "utf-8"


def _from_json(text: str) -> Any:
    return json.loads(
        text,
        object_pairs_hook=_object,
        parse_constant=_refuse_constant,
        parse_float=_finite,
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    # The same value twice is said by real files and takes nothing away.
    if len(found) != len(pairs) and any(not _is_same(found[name], value) for name, value in pairs):
        raise _DuplicateKeyError
    return found


def _is_same(one: Any, other: Any) -> bool:
    # Python takes true for 1 and 1.0 for 1.
    return one is other or json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _refuse_constant(_name: str) -> Any:
    raise ValueError("not a number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("not a number of JSON")
    return value


class _Loader(yaml.SafeLoader):
    """YAML as far as JSON goes: dates stay text, and no property is named twice."""

    yaml_implicit_resolvers: Final = {  # type: ignore[misc] # the library's own attribute
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.length = len(text)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the library's signature
        """Build an object, unless it names a property twice."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(names)) != len(names):
            raise _DuplicateKeyError
        return super().construct_mapping(node, deep=deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Take over what `<<` names, as long as that is no more than the text has characters."""
        super().flatten_mapping(node)
        if len(node.value) > self.length:
            raise FileFaultError(FileFault.EXPANDS)


def _from_yaml(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader with less in it


def _check(value: Any, fault: FileFault, length: int) -> None:
    """Walk all values: plain, not too deep, and no more of them than the text has characters."""
    waiting = [(value, 0)]
    seen = 0
    while waiting:
        item, depth = waiting.pop()
        seen += 1
        if depth > MAXIMUM_DEPTH:
            raise FileFaultError(FileFault.TOO_DEEP)
        if seen > length + 1:
            raise FileFaultError(FileFault.EXPANDS)
        waiting += [(inner, depth + 1) for inner in _inner(item, fault)]


def _inner(item: Any, fault: FileFault) -> Iterator[Any]:
    if isinstance(item, Mapping):
        if not all(isinstance(name, str) for name in item):
            raise FileFaultError(fault)
        yield from item.values()
    elif isinstance(item, list):
        yield from item
    elif not isinstance(item, _SCALARS) and not (isinstance(item, float) and math.isfinite(item)):
        raise FileFaultError(fault)
