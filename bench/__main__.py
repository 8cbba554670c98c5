"""`python -m bench`: measure targets and write `docs/performance.md`."""

import argparse
import asyncio
import importlib
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.findings import FOLDER, Finding
from bench.machine import ForeignLoad, machine_class, wait_for_quiet
from bench.report import DOCUMENT, write_document
from bench.running import PEERS, Bench, PeersMissingError, ProgramFailedError, UnfitRunError

TARGETS = {
    "P3": "bench.p3_history",
    "P4": "bench.p4_speed",
    "P5": "bench.p5_unchanged",
    "P6": "bench.p6_memory",
    "P8": "bench.p8_nights",
    "P12": "bench.p12_budget",
    "AGREEMENT": "bench.agreement_run",
}
NEED_PEERS = frozenset({"P4", "AGREEMENT"})
ROUNDS = 5
EXAMPLES = """\
examples:
  python -m bench                       everything, five rounds
  python -m bench --only P4,P5          two targets; the others keep their last figures
  python -m bench --quick --only P4     a small tenant and one round, written to a temporary folder
"""


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; an unknown target is named with those that exist."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default="", help="targets, separated by commas")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of each comparison")
    parser.add_argument("--quick", action="store_true", help="see that it works")
    parser.add_argument("--report", action="store_true", help="write the document, measure nothing")
    given = parser.parse_args(arguments)
    given.targets = [name.strip().upper() for name in given.only.split(",") if name.strip()]
    unknown = sorted(set(given.targets) - set(TARGETS))
    if unknown:
        parser.error(f"--only: no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    if given.rounds < 1:
        parser.error("--rounds: give 1 or more")
    return given


async def measure(
    name: str, *, rounds: int, is_quick: bool, progress: Progress, folder: Path
) -> Finding:
    """Measure one target; everything that it writes goes to `folder`."""
    task = progress.add_task(name, total=None)
    bench = Bench(rounds, is_quick, progress, task, folder)
    bench.say(f"{name}: waiting for a quiet machine")
    await asyncio.to_thread(wait_for_quiet)
    load, began = ForeignLoad(), time.monotonic()
    finding: Finding = await importlib.import_module(TARGETS[name]).measure(bench)
    finding.seconds = round(time.monotonic() - began, 1)
    finding.foreign_cores = load.cores()
    finding.machine = machine_class()
    finding.measured_on = datetime.now(UTC).date().isoformat()
    finding.command = f"make bench ONLY={name} " + ("QUICK=1" if is_quick else f"ROUNDS={rounds}")
    progress.remove_task(task)
    return finding


def show(console: Console, findings: Sequence[Finding]) -> None:
    """Show the verdicts as a table."""
    table = Table("target", "what", "wanted", "measured", "verdict")
    for finding in findings:
        for verdict in finding.verdicts:
            word = verdict.word
            colour = "green" if verdict.is_met else "yellow"
            table.add_row(
                finding.target,
                verdict.what,
                verdict.target,
                verdict.measured,
                f"[{colour}]{word}[/{colour}]",
            )
    console.print(table)


def main() -> int:
    """Entry point; 0 when everything was measured, 1 when the peers are missing or a run failed."""
    given = parse_arguments(sys.argv[1:])
    console = Console()
    if given.report:
        write_document()
        return 0
    names = given.targets or list(TARGETS)
    if NEED_PEERS.intersection(names) and not PEERS.exists():
        console.print(f"[red]{PeersMissingError()}[/red]")
        return 1
    # A quick run shows that it works; it never touches the figures of real ones.
    folder = Path(tempfile.mkdtemp(prefix="bench-quick-")) if given.quick else FOLDER
    document = folder / "performance.md" if given.quick else DOCUMENT
    rounds = 1 if given.quick else given.rounds
    findings = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        for name in names:
            work = measure(
                name, rounds=rounds, is_quick=given.quick, progress=progress, folder=folder
            )
            try:
                finding = asyncio.run(work)
            except (ProgramFailedError, UnfitRunError) as failure:
                console.print(f"[red]{name} is not measured: {failure}[/red]")
                return 1
            findings.append(finding)
            finding.save()
            write_document(folder, document)
    show(console, findings)
    console.print(f"written: {document}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
