"""How failures of runs look: the catalog's words once for each cause, and where it was met."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table

from commands.views.links import LinkBase
from commands.views.screen import printable, styled
from domain.failures import Failure, parse_failures
from domain.reasons import next_step_links, reason
from domain.resource_types.registry import RESOURCE_TYPES

if TYPE_CHECKING:
    from services.runs.run_reads import RunDetail

_DENIALS = frozenset({"provider_permission_denied", "permission_denied"})


def failure_documents(detail: "RunDetail", links: LinkBase) -> list[dict[str, Any]]:
    """Return the failures with the words of the reason catalog."""
    scopes = _scopes(detail)
    return [
        {
            **failure.to_json(),
            "label": reason(failure.reason_code).label,
            "actionability": reason(failure.reason_code).actionability,
            "permissions": _needed(failure, scopes),
            "next_steps": [
                {"label": step["label"], "url": links.page(step["url"])}
                for step in next_step_links(failure.reason_code, _context(detail))
            ],
        }
        for failure in parse_failures(detail.run.failure_summary)
    ]


def failure_parts(detail: "RunDetail", links: LinkBase) -> Iterable[RenderableType]:
    """Yield a block for each cause, with the resource types that met it."""
    scopes = _scopes(detail)
    failures = sorted(parse_failures(detail.run.failure_summary), key=lambda each: each.reason_code)
    for code, group in groupby(failures, key=lambda each: each.reason_code):
        entry = reason(code)
        yield Padding(styled(entry.label, "bold"), (1, 0, 0, 0))
        yield Padding(styled(entry.explanation, ""), (0, 0, 0, 2))
        for step in next_step_links(code, _context(detail)):
            where = links.step(step["label"], step["url"])
            yield Padding(styled(f"→ {step['label']}: {where}", ""), (0, 0, 0, 2))
        yield Padding(_places(list(group), scopes), (0, 0, 0, 2))


def _context(detail: "RunDetail") -> dict[str, object]:
    return {**detail.run.context, "operation_run_id": str(detail.run.id)}


def _needed(failure: Failure, scopes: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the permissions of which one is missing: as Graph said, else as the registry says."""
    key = failure.resource_type or ""
    told = scopes.get(key, ())
    known = RESOURCE_TYPES.get(key)
    if told or known is None or failure.reason_code not in _DENIALS:
        return told
    return (known.permission_read,)


def _scopes(detail: "RunDetail") -> dict[str, tuple[str, ...]]:
    return {entry.resource_type: entry.missing_scopes for entry in detail.results}


def _places(failures: list[Failure], scopes: Mapping[str, tuple[str, ...]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", style="dim")
    for failure in failures:
        needed = _needed(failure, scopes)
        notes = [f"{failure.count} objects"] if failure.count else []
        # The first is the least one; the others are in the JSON.
        notes += [f"grant {needed[0]}"] if needed else []
        diagnostic = failure.code
        if failure.request_id is not None:
            diagnostic += f", request-id {failure.request_id}"
        shown = (failure.resource_type or "the run", ", ".join(notes), diagnostic)
        table.add_row(*(printable(text) for text in shown))
    return table
