"""`docs/performance.md` from the findings that were saved: tables by machine, no word by hand."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.findings import DOCS, FOLDER, Finding, Table, Verdict, load

DOCUMENT = DOCS / "performance.md"
_HEAD = """\
# Performance

Written by `make bench` from the raw rounds in [performance/](performance/); do not edit. Everything
that is compared runs in turn, on the same servers, in one run. Figures are medians with the least
and the most in brackets; a figure without brackets was measured once. Absolute figures drift
between machines and hours; ratios are what counts.

- `make bench` measures all of it, `make bench ONLY=P4` one target, `ROUNDS=3` with fewer rounds.
- The local Graph speaks HTTPS in a process of its own, as Microsoft's documentation and exports say
  it does; its latency and throttling are set for each measurement. It shares the cores with
  everything else, which costs a real service nothing.
- IntuneCD is unmodified except for the host part of its request addresses.
"""


def write_document(folder: Path = FOLDER, document: Path = DOCUMENT) -> None:
    """Write the document from every finding of `folder`."""
    findings = sorted(
        (load(path) for path in folder.glob("p*.json")), key=lambda f: int(f.target[1:])
    )
    document.write_text("\n".join(_lines(findings)).rstrip() + "\n")


def _lines(findings: list[Finding]) -> Iterator[str]:
    yield _HEAD
    yield "## Targets"
    yield ""
    rows = [
        [
            f"[{f.target}](#{_anchor(f)})",
            v.what,
            v.target,
            v.measured,
            _verdict(v),
        ]
        for f in findings
        for v in f.verdicts
    ]
    yield from _table(Table(["", "what", "target", "measured", "verdict"], rows))
    for finding in findings:
        yield from _section(finding)


def _section(finding: Finding) -> Iterator[str]:
    yield f"## {finding.target}: {finding.title}"
    yield ""
    yield finding.method
    yield ""
    for table in finding.tables:
        if table.title:
            yield f"**{table.title}**"
            yield ""
        yield from _table(table)
    for verdict in finding.verdicts:
        if verdict.at_limit:
            yield f"- {verdict.what}: {verdict.at_limit}"
    for note in finding.notes:
        yield f"- {note}"
    if finding.notes or any(verdict.at_limit for verdict in finding.verdicts):
        yield ""
    for chart in finding.charts:
        yield f"![{finding.title}](performance/{chart})"
        yield ""
    yield (
        f"Measured {finding.measured_on} with `{finding.command}` in {finding.seconds:,.0f} s on "
        f"{finding.machine}; other processes used {finding.foreign_cores:g} cores meanwhile. Raw: "
        f"[{finding.target.lower()}.json](performance/{finding.target.lower()}.json)."
    )
    yield ""


def _table(table: Table) -> Iterable[str]:
    yield "| " + " | ".join(table.headings) + " |"
    yield "|" + "---|" * len(table.headings)
    for row in table.rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def _verdict(verdict: Verdict) -> str:
    return "**missed**" if verdict.word == "missed" else verdict.word


def _anchor(finding: Finding) -> str:
    text = f"{finding.target}: {finding.title}".lower()
    kept = "".join(c for c in text if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")
