import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.export_names import digest_in, file_name, file_stem, object_digest, safe_name


@given(st.text())
def test_safe_name_is_one_harmless_path_component(text: str) -> None:
    name = safe_name(text)
    assert name
    assert not set(name) & set('<>:"/\\|?*\0\n\t')
    assert not name.startswith((".", "-", " "))
    assert not name.endswith((".", " "))
    assert len(name.encode()) <= 120
    assert not any(unicodedata.category(sign) in {"Cc", "Cf", "Cs"} for sign in name)


@given(st.text())
def test_safe_name_is_stable_when_it_is_cleaned_again(text: str) -> None:
    assert safe_name(safe_name(text)) == safe_name(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Windows - Baseline (v2)", "Windows - Baseline (v2)"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "unnamed"),
        ("...", "unnamed"),
        ("Büro\u0308 / Wien", "Bürö _ Wien"),
        ("x" * 500, "x" * 120),
        ("-rf", "rf"),
        ("ends with dots. . .", "ends with dots"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("Com1 .backup", "_Com1 .backup"),
        ("LPT\u00b2", "_LPT\u00b2"),
        ("CONSOLE", "CONSOLE"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("no\u00a0break", "no break"),
        ("line\u2028break", "line_break"),
        ("🚀 Rollout 👩\u200d💻", "🚀 Rollout 👩💻"),
        ("🚀" * 40, "🚀" * 30),
        ("C:\\Windows\\System32", "C_Windows_System32"),
    ],
)
def test_safe_name_keeps_what_is_readable(text: str, expected: str) -> None:
    assert safe_name(text) == expected


def test_file_name_depends_on_its_object_alone() -> None:
    assert file_name("Same", "a") != file_name("Same", "b")
    assert file_name("Same", "a") == file_name("Same", "a")
    assert file_name(None, "a").startswith("unnamed__")


def test_names_that_differ_in_case_only_stay_apart_everywhere() -> None:
    assert file_name("VPN", "one").lower() != file_name("vpn", "two").lower()
    assert file_name("Same", "ID").lower() != file_name("Same", "id").lower()


@given(st.text(), st.text(min_size=1))
def test_object_is_found_again_in_the_names_of_its_files(name: str, object_id: str) -> None:
    digest = object_digest(object_id)
    assert digest_in(file_name(name, object_id)) == digest
    assert digest_in(f"{file_stem(name, object_id)}.detection.ps1") == digest


@pytest.mark.parametrize("name", ["README.md", "set.json", "__0123456789abcdef.json", "a__12.json"])
def test_names_that_no_export_made_have_no_object(name: str) -> None:
    assert digest_in(name) is None
