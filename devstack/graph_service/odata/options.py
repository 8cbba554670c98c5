"""Query options: $select, nested $expand, $top and the rest, with or without the dollar sign."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote_plus

TOKENS = ("skiptoken", "deltatoken")


class MalformedQueryError(ValueError):
    """A query option that can not be read; the text is what Graph answers."""


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """Parsed options. `raw` keeps the pairs as they came, for building next links."""

    values: dict[str, str] = field(default_factory=dict)
    raw: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """Decoded value of an option, named without its dollar sign."""
        return self.values.get(name)

    @property
    def top(self) -> int | None:
        """$top as a number, refused when it is none."""
        text = self.values.get("top")
        if text is None:
            return None
        if not text.isdigit():
            raise MalformedQueryError(f"Invalid value '{text}' for $top query option found.")
        return int(text)

    @property
    def select(self) -> frozenset[str] | None:
        """Selected property names in lower case, or None for all."""
        text = self.values.get("select")
        if not text or text.strip() == "*":
            return None
        return frozenset(part.strip().lower() for part in text.split(",") if part.strip())

    @property
    def selected_names(self) -> tuple[str, ...]:
        """Selected property names as written."""
        text = self.values.get("select") or ""
        return tuple(p.strip() for p in text.split(",") if p.strip() and p.strip() != "*")

    @property
    def expand(self) -> dict[str, QueryOptions]:
        """Expanded navigation properties as written, each with its own options."""
        return parse_expand(self.values.get("expand") or "")

    @property
    def count(self) -> bool:
        """Whether $count=true was asked for."""
        return (self.values.get("count") or "").lower() == "true"

    def without_tokens(self) -> str:
        """The query string as it came, without page and delta tokens."""
        return "&".join(pair for name, pair in self.raw if name not in TOKENS)


def parse_options(query: str) -> QueryOptions:
    """Options of an encoded query string."""
    values: dict[str, str] = {}
    raw: list[tuple[str, str]] = []
    # IntuneCD doubles the question mark of one request; its users have what it asks for.
    for pair in query.lstrip("?").split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        plain = unquote_plus(name).strip().lstrip("$").lower()
        values[plain] = unquote_plus(value)
        raw.append((plain, pair))
    return QueryOptions(values, tuple(raw))


def parse_expand(text: str) -> dict[str, QueryOptions]:
    """`a,b($select=x;$expand=c)` as a mapping from name to nested options."""
    result: dict[str, QueryOptions] = {}
    for part in split_outside(text, ","):
        name, _, inner = part.strip().partition("(")
        if inner and not inner.endswith(")"):
            raise MalformedQueryError(
                f"Term '{part.strip()}' is not valid in a $expand expression."
            )
        pairs: dict[str, str] = {}
        for option in split_outside(inner[:-1], ";"):
            key, _, value = option.strip().partition("=")
            pairs[key.lstrip("$").lower()] = value
        result[name.strip()] = QueryOptions(pairs)
    return result


def split_outside(text: str, separator: str) -> list[str]:
    """Parts between separators that stand outside of parentheses and quotes."""
    parts: list[str] = []
    depth, start, quoted = 0, 0, False
    for position, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
        elif character == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]
