"""$filter: a small parser that turns an expression into a predicate over documents.

Supports and, or, not, parentheses, eq ne gt ge lt le, in, isof, any, startswith, endswith,
contains and type casts in paths. Everything else is refused as Graph refuses it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devstack.graph_service.generation.draw import Document
from devstack.graph_service.odata.options import MalformedQueryError

Value = Callable[[Document], Any]

TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<date>\d{4}-\d\d-\d\d(?:T[\d:.]+Z?)?)"
    r"|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[@#A-Za-z_][\w.#@/]*)|(?P<mark>[(),:]))"
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
TEXT_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "startswith": lambda whole, part: whole.startswith(part),
    "endswith": lambda whole, part: whole.endswith(part),
    "contains": lambda whole, part: part in whole,
}
LITERALS: dict[str, object] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter: the predicate and the plain property names it looks at."""

    matches: Callable[[Document], bool]
    properties: frozenset[str]
    operators: frozenset[str]


def parse_filter(text: str) -> Filter:
    """Parse an expression; errors carry Graph's kind of text."""
    parser = _Parser(text)
    value = parser.disjunction()
    if parser.peek() is not None:
        raise parser.error()
    return Filter(
        lambda document: bool(value(document)),
        frozenset(parser.properties),
        frozenset(parser.operators),
    )


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokenize(text)
        self.position = 0
        self.properties: set[str] = set()
        self.operators: set[str] = set()
        self.variables: list[str] = []

    def error(self) -> MalformedQueryError:
        return MalformedQueryError(f"Invalid filter clause: unsupported expression '{self.text}'.")

    def _tokenize(self, text: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            found = TOKEN.match(text, position)
            if found is None or found.lastgroup is None:
                raise self.error()
            tokens.append((found.lastgroup, found.group(found.lastgroup)))
            position = found.end()
        return tokens

    def peek(self) -> tuple[str, str] | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self) -> tuple[str, str]:
        token = self.peek()
        if token is None:
            raise self.error()
        self.position += 1
        return token

    def accept(self, word: str) -> bool:
        token = self.peek()
        if token is not None and token[0] in ("name", "mark") and token[1].lower() == word:
            self.position += 1
            return True
        return False

    def expect(self, mark: str) -> None:
        if not self.accept(mark):
            raise self.error()

    def disjunction(self) -> Value:
        left = self.conjunction()
        while self.accept("or"):
            self.operators.add("or")
            left = _either(left, self.conjunction())
        return left

    def conjunction(self) -> Value:
        left = self.negation()
        while self.accept("and"):
            self.operators.add("and")
            left = _both(left, self.negation())
        return left

    def negation(self) -> Value:
        if self.accept("not"):
            self.operators.add("not")
            inner = self.negation()
            return lambda document: not inner(document)
        return self.comparison()

    def comparison(self) -> Value:
        if self.accept("("):
            left = self.disjunction()
            self.expect(")")
        else:
            left = self.operand()
        token = self.peek()
        if token is None or token[0] != "name":
            return left
        word = token[1].lower()
        if word in COMPARISONS:
            self.take()
            self.operators.add(word)
            return _compare(COMPARISONS[word], left, self.operand())
        if word == "in":
            self.take()
            self.operators.add(word)
            return self.membership(left)
        return left

    def membership(self, left: Value) -> Value:
        self.expect("(")
        options = [self.operand()]
        while self.accept(","):
            options.append(self.operand())
        self.expect(")")
        return lambda document: left(document) in [option(document) for option in options]

    def operand(self) -> Value:
        kind, text = self.take()
        if kind == "text":
            return _constant(text[1:-1].replace("''", "'"))
        if kind == "number":
            return _constant(float(text) if "." in text else int(text))
        if kind in ("date", "guid"):
            return _constant(text)
        if kind != "name":
            raise self.error()
        lowered = text.lower()
        if lowered in LITERALS:
            return _constant(LITERALS[lowered])
        if self.accept("("):
            return self.function(text)
        return self.path(text)

    def function(self, name: str) -> Value:
        lowered = name.lower()
        if lowered == "isof":
            kind, text = self.take()
            self.expect(")")
            self.operators.add("isof")
            return _is_of(text.strip("'") if kind in ("text", "name") else "")
        if lowered in TEXT_FUNCTIONS:
            self.operators.add(lowered)
            whole = self.operand()
            self.expect(",")
            part = self.operand()
            self.expect(")")
            return _text_function(TEXT_FUNCTIONS[lowered], whole, part)
        if lowered.endswith("/any"):
            return self.any(name[: -len("/any")])
        raise self.error()

    def any(self, owner: str) -> Value:
        self.operators.add("any")
        collection = self.path(owner)
        variable = self.take()[1]
        if self.accept(":"):
            pass
        elif variable.endswith(":"):
            variable = variable[:-1]
        else:
            raise self.error()
        self.variables.append(variable)
        inner = self.disjunction()
        self.variables.pop()
        self.expect(")")
        return lambda document: any(
            inner({**document, variable: element}) for element in collection(document) or []
        )

    def path(self, text: str) -> Value:
        parts = [p for p in text.split("/") if not p.lower().startswith("microsoft.graph.")]
        if len(parts) == len(text.split("/")) and parts[0] not in self.variables:
            self.properties.add(parts[0])
        return lambda document: _follow(document, parts)


def _constant(value: object) -> Value:
    return lambda _document: value


def _either(left: Value, right: Value) -> Value:
    return lambda document: bool(left(document)) or bool(right(document))


def _both(left: Value, right: Value) -> Value:
    return lambda document: bool(left(document)) and bool(right(document))


def _follow(document: Document, parts: list[str]) -> Any:
    current: Any = document
    for part in parts:
        if not isinstance(current, dict):
            return None
        if part in current:
            current = current[part]
        else:
            lowered = part.lower()
            current = next((v for k, v in current.items() if k.lower() == lowered), None)
    return current


def _compare(compare: Callable[[Any, Any], bool], left: Value, right: Value) -> Value:
    def evaluate(document: Document) -> bool:
        one, other = left(document), right(document)
        if (
            isinstance(one, str)
            and isinstance(other, str)
            and compare in (operator.eq, operator.ne)
        ):
            return compare(one.lower(), other.lower())
        try:
            return compare(one, other)
        except TypeError:  # ordering against null or another type holds for nothing
            return False

    return evaluate


def _text_function(function: Callable[[str, str], bool], whole: Value, part: Value) -> Value:
    def evaluate(document: Document) -> bool:
        value = whole(document)
        return isinstance(value, str) and function(value.lower(), str(part(document)).lower())

    return evaluate


def _is_of(type_name: str) -> Value:
    wanted = type_name.lower().removeprefix("#").removeprefix("microsoft.graph.")

    def evaluate(document: Document) -> bool:
        actual = str(document.get("@odata.type", "")).lower()
        return actual.removeprefix("#microsoft.graph.") == wanted

    return evaluate
