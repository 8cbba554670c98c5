"""The folder of a trial: whose it may be, and what a kill at any moment leaves."""

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.trial.trial_folder import TrialFolder, TrialFolderError, open_folder
from services.trial.trial_state import (
    KnownObject,
    KnownType,
    TrialState,
    TrialStateError,
    parse_state,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class KilledError(BaseException):
    """The process ended here."""


def state_of(folder: TrialFolder, **files: str) -> TrialState:
    """Return a state with one object for each file, by its hash."""
    objects = {
        name: KnownObject(hash=content, files=(f"things/{name}.json",))
        for name, content in files.items()
    }
    known = KnownType(listing_complete=True, read_at=NOW, rules=1, objects=objects)
    return TrialState(
        entra_tenant_id="t", cloud="global", read_at=NOW, key_id=folder.key_id, types={"x": known}
    )


def write(place: Path, **files: str) -> None:
    """Bring a folder to hold exactly these files."""
    folder = open_folder(place)
    try:
        for name, content in files.items():
            folder.stage(f"things/{name}.json", content.encode())
        folder.publish(state_of(folder, **files))
    finally:
        folder.close()


def held(place: Path) -> dict[str, str]:
    """Return the files of objects."""
    return {path.stem: path.read_text() for path in place.glob("things/*")}


def known(place: Path) -> dict[str, str]:
    """Return what the state says the files are."""
    state = parse_state(json.loads((place / "try.json").read_text()))
    return {name: entry.hash for name, entry in state.types["x"].objects.items()}


def test_folder_and_files_are_their_owner_s_alone(tmp_path: Path) -> None:
    place = tmp_path / "trial"
    place.mkdir(mode=0o755)
    write(place, a="1")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (place, *place.rglob("*"))}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_files_that_are_not_known_any_more_go_and_their_folder_too(tmp_path: Path) -> None:
    write(tmp_path, a="1", b="2")
    (tmp_path / "things" / "mine.txt").write_text("by hand")
    write(tmp_path, a="1")
    assert held(tmp_path) == {"a": "1", "mine": "by hand"}
    (tmp_path / "things" / "mine.txt").unlink()
    write(tmp_path)
    assert not (tmp_path / "things").exists()


def test_fingerprint_key_is_random_and_stays(tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two")
    first, again = (tmp_path / "one" / ".tenantops-try" / "key").read_bytes(), None
    write(tmp_path / "one")
    again = (tmp_path / "one" / ".tenantops-try" / "key").read_bytes()
    assert first == again
    assert first != (tmp_path / "two" / ".tenantops-try" / "key").read_bytes()
    assert first.hex() not in (tmp_path / "one" / "try.json").read_text()


def test_foreign_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(TrialFolderError, match="not empty"):
        open_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_second_call_at_the_same_time_is_refused(tmp_path: Path) -> None:
    first = open_folder(tmp_path)
    with pytest.raises(TrialFolderError, match="at work"):
        open_folder(tmp_path)
    first.close()
    open_folder(tmp_path).close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "tenantops-try", "format_version": 2}',
        '{"format": "tenantops-try", "format_version": 1, "types": []}',
    ],
)
def test_state_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "try.json").write_text(text)
    with pytest.raises(TrialStateError):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    "path", ["../letter.txt", "/etc/passwd", "a/../../x", ".tenantops-try/key", "x.json"]
)
def test_state_that_names_files_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    write(tmp_path, a="1")
    document = json.loads((tmp_path / "try.json").read_text())
    document["types"]["x"]["objects"]["a"]["files"] = [path]
    (tmp_path / "try.json").write_text(json.dumps(document))
    with pytest.raises(TrialStateError):
        open_folder(tmp_path)


def test_folder_of_a_type_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place = tmp_path / "trial"
    write(place)
    (place / "things").symlink_to(elsewhere)
    with pytest.raises(TrialFolderError, match="symbolic link"):
        write(place, a="1")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("obstacle", ["things", "things/a.json"])
def test_something_else_in_a_file_s_place_is_named_before_anything_is_read(
    tmp_path: Path, obstacle: str
) -> None:
    write(tmp_path, a="1")
    (tmp_path / "things" / "a.json").unlink()
    if obstacle == "things":
        (tmp_path / "things").rmdir()
        (tmp_path / "things").write_text("mine")
    else:
        (tmp_path / obstacle).mkdir()
    with pytest.raises(TrialFolderError, match=f"belongs, {obstacle}; move it away"):
        open_folder(tmp_path)


def test_something_else_in_a_file_s_place_stops_no_later_call(tmp_path: Path) -> None:
    write(tmp_path, a="1")
    obstacle = tmp_path / "things" / "b.json"
    obstacle.mkdir()
    with pytest.raises(TrialFolderError, match=r"belongs, things/b\.json"):
        write(tmp_path, a="2", b="1")
    assert known(tmp_path) == {"a": "1"}
    obstacle.rmdir()
    write(tmp_path, a="2", b="1")
    assert held(tmp_path) == {"a": "2", "b": "1"}


def test_move_that_fails_half_way_is_finished_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, a="1", b="2")
    whole = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.name == "b.json":
            raise OSError(28, "no space left", str(target))
        return whole(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="space"):
            write(tmp_path, a="3", b="4")
    folder = open_folder(tmp_path)
    folder.close()
    assert folder.recovered
    assert held(tmp_path) == known(tmp_path) == {"a": "3", "b": "4"}


def test_other_case_of_a_name_moves_the_file(tmp_path: Path) -> None:
    write(tmp_path, Name="1")
    write(tmp_path, name="1")
    assert held(tmp_path) == {"name": "1"}


def test_other_case_of_a_name_keeps_the_file_where_cases_are_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, Name="1", name="1")
    monkeypatch.setattr(Path, "samefile", lambda *_: True)
    write(tmp_path, name="1")
    assert "name" in held(tmp_path)
    assert "Name" in held(tmp_path)


def test_call_that_ends_before_its_end_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    write(tmp_path, a="1", b="2")
    folder = open_folder(tmp_path)
    folder.stage("things/a.json", b"changed")
    folder.close()
    assert held(tmp_path) == known(tmp_path) == {"a": "1", "b": "2"}


def operations(monkeypatch: pytest.MonkeyPatch, most: int) -> list[str]:
    """Let the process end at the operation on disk after so many; returns what was done."""
    done: list[str] = []

    def counted(original: Any, name: str) -> Any:
        def operation(*arguments: Any, **options: Any) -> Any:
            if len(done) >= most:
                raise KilledError
            done.append(name)
            return original(*arguments, **options)

        return operation

    for owner, name in ((Path, "replace"), (Path, "unlink"), (os, "fsync")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name), name))
    return done


def kill_at(place: Path, most: int, **files: str) -> bool:
    """Write, and end without any cleaning up after so many operations; tells whether it did."""
    with pytest.MonkeyPatch.context() as patch:
        operations(patch, most)
        folder = open_folder(place)
        try:
            for name, content in files.items():
                folder.stage(f"things/{name}.json", content.encode())
            folder.publish(state_of(folder, **files))
        except KilledError:
            # As the system does with a process that was killed.
            os.close(folder._lock)
            return True
    folder.close()
    return False


def test_kill_at_any_operation_leaves_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    before, after = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4", "e": "5"}
    killed = 0
    for most in range(1, 100):
        place = tmp_path / str(most)
        write(place, **before)
        was_killed = kill_at(place, most, **after)
        recovered = open_folder(place)
        recovered.close()
        assert held(place) == known(place)
        assert held(place) in (before, after)
        if not was_killed:
            break
        killed += 1
    assert killed > 10
    assert held(place) == after


def test_interrupted_move_is_finished_and_said(tmp_path: Path) -> None:
    write(tmp_path, a="1")
    for most in range(1, 100):
        kill_at(tmp_path, most, a="2", b="3")
        folder = open_folder(tmp_path)
        folder.close()
        if folder.recovered:
            break
    assert folder.recovered
    assert held(tmp_path) == {"a": "2", "b": "3"}


def test_state_survives_json(tmp_path: Path) -> None:
    folder = open_folder(tmp_path)
    state = state_of(folder, a="1")
    folder.close()
    assert parse_state(json.loads(json.dumps(state.to_json()))) == state
