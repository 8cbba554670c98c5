import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.export_names import file_name, safe_name


@given(st.text())
def test_safe_name_is_one_harmless_path_component(text: str) -> None:
    name = safe_name(text)
    assert name
    assert not set(name) & set('<>:"/\\|?*\0\n\t')
    assert not name.startswith(".")
    assert len(name.encode()) <= 120


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Windows - Baseline (v2)", "Windows - Baseline (v2)"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("...", "unnamed"),
        ("Büro\u0308 / Wien", "Bürö _ Wien"),
        ("x" * 500, "x" * 120),
    ],
)
def test_safe_name_keeps_what_is_readable(text: str, expected: str) -> None:
    assert safe_name(text) == expected


def test_file_name_depends_on_its_object_alone() -> None:
    assert file_name("Same", "a") != file_name("Same", "b")
    assert file_name("Same", "a") == file_name("Same", "a")
    assert file_name(None, "a").startswith("unnamed__")
