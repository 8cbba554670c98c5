"""Thirty nights: what a whole set weighs, and what is concluded of the nights."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import p8_nights
from bench.findings import Finding
from services.exports.export_folders import json_bytes


def write_export(folder: Path, documents: dict[str, Any]) -> None:
    for name, document in documents.items():
        (folder / name).write_bytes(json_bytes(document))
    (folder / "references.json").write_bytes(json_bytes({"more": "x" * 1_000}))
    index = {"files": {name: {"object_id": name} for name in documents}}
    (folder / "set.json").write_text(json.dumps(index))


def night(changes: int, number: int, size: int) -> dict[str, Any]:
    row = dict.fromkeys(("rows", "wal", "transactions", "seconds"), number)
    tables = {"contents": size * number, "runs": 0}
    whole = {"documents": 2, "raw": 9_000, "compressed": 1_000}
    more = {"tables": tables, "whole_set": whole, "objects": 2, "bytes": size}
    return {"changes": changes, "night": number, **row, **more}


def concluded(folder: Path, size: int) -> Finding:
    finding = Finding("P8", "nights", "How.", folder=folder)
    finding.rounds = [night(c, n, size) for c in p8_nights.CHANGES for n in (1, 2, 3)]
    p8_nights.conclude(finding, 3)
    return finding


def test_whole_set_weighs_its_documents_alone_and_compact(tmp_path: Path) -> None:
    write_export(tmp_path, {"a.json": {"a": [1, 2]}, "b.json": {"b": "ü"}})

    sizes = p8_nights.packed_sizes(tmp_path)

    assert (sizes["documents"], sizes["raw"]) == (2, len('{"a":[1,2]}{"b":"ü"}'.encode()))


@pytest.mark.parametrize(("size", "word"), [(20, "met"), (21, "missed")])
def test_nights_are_held_against_as_many_whole_sets(tmp_path: Path, size: int, word: str) -> None:
    (verdict,) = concluded(tmp_path, size).verdicts

    assert (verdict.what, verdict.word) == (
        "bytes of nights 2-3 against 2 compressed whole sets",
        word,
    )


def test_every_night_is_a_row_with_each_number_of_changes(tmp_path: Path) -> None:
    table = concluded(tmp_path, 2_048).tables[-1]

    assert [row[0] for row in table.rows] == ["1", "2", "3"]
    assert table.rows[1] == ["2", *["2", "2", "0"] * 3]
