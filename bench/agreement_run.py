"""Lets IntuneCD and the product back up one tenant, and compares what they have of it."""

from pathlib import Path

from bench.agreement import CAUSES, Agreement, Comparison, document, read_export, read_intunecd
from bench.findings import DOCS, Finding, at_most
from bench.ground import local_graph, open_ground, open_stand, set_id_of
from bench.running import Bench, run_intunecd

DOCUMENT = DOCS / "intunecd-agreement.md"
PROFILE = "M"


async def measure(bench: Bench) -> Finding:
    """Compare, and write the document unless this is quick."""
    bench.say("AGREEMENT: both back up a tenant")
    finding = Finding("AGREEMENT", "agreement with IntuneCD", "", folder=bench.folder)
    async with (
        open_ground() as ground,
        local_graph(ground.directory, profile=PROFILE) as graph,
        open_stand(ground, graph) as stand,
    ):
        token = await graph.call("issue_token", tenant=0)
        theirs, ours = ground.directory / "intunecd", ground.directory / "ours"
        await run_intunecd(graph.root_url, graph.ca_file, token, theirs, "--append-id")
        run = await stand.backup()
        await stand.services.exports.export(stand.product.workspace_id, set_id_of(run), ours)
        found = compare(ours, theirs)
    conclude(finding, found)
    if not bench.is_quick:
        DOCUMENT.write_text(document(found, f"profile {PROFILE}"))
    return finding


def compare(ours: Path, theirs: Path) -> Agreement:
    """Compare an export of ours with a folder of IntuneCD's."""
    return Comparison(read_export(ours)).run(read_intunecd(theirs))


def conclude(finding: Finding, found: Agreement) -> None:
    """Fill in verdict and raw counts."""
    causes = {
        cause: sum(n for (_, key), n in found.causes.items() if key == cause) for cause in CAUSES
    }
    finding.verdicts.append(
        at_most("differences without an explanation", [len(found.unexplained)], 0)
    )
    finding.rounds.append(
        {
            "compared": dict(found.compared),
            "causes": causes,
            "unexplained": found.unexplained[:100],
        }
    )
