"""The document of the bench: what is said follows from what was measured, once."""

from pathlib import Path

from bench import p5_unchanged
from bench.findings import Finding, Verdict, at_least, at_most, load
from bench.report import write_document


def p5_finding(folder: Path) -> Finding:
    finding = Finding("P5", "second backup", "How.", folder=folder)
    parts = dict.fromkeys(p5_unchanged.LABELS, 100.0)
    less = dict.fromkeys(parts, 2.0)
    finding.rounds = [{"first": parts, "second": less, "later": less}]
    return finding


def test_document_of_several_verdicts_shows_the_chart_once(tmp_path: Path) -> None:
    finding = p5_finding(tmp_path)
    p5_unchanged.conclude(finding)
    finding.save()

    write_document(tmp_path, tmp_path / "performance.md")

    assert finding.charts == ["p5.svg"]
    assert (tmp_path / "performance.md").read_text().count("](performance/p5.svg)") == 1


def test_chart_drawn_again_is_listed_once(tmp_path: Path) -> None:
    finding = p5_finding(tmp_path)

    paths = {finding.chart("one.svg"), finding.chart("one.svg")}

    assert paths == {tmp_path / "one.svg"}
    assert finding.charts == ["one.svg"]


def test_verdicts_follow_the_median() -> None:
    assert at_least("speed", [1.0, 2.0, 30.0], 2.0).word == "met"
    assert at_most("bytes", [1.0, 2.0, 30.0], 1.9).word == "missed"
    assert Verdict("speed", "≥ 10", "9", is_met=False, at_limit="why").word == "at the limit"
    assert Verdict("speed", "≥ 10", "11", is_met=True, at_limit="why").word == "met"


def test_finding_is_read_as_it_was_saved(tmp_path: Path) -> None:
    finding = p5_finding(tmp_path)
    p5_unchanged.conclude(finding)

    found = load(finding.save())

    assert (found.verdicts, found.tables) == (finding.verdicts, finding.tables)
    assert (found.rounds, found.charts) == (finding.rounds, finding.charts)
