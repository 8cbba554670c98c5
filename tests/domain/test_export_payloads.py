import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.export_payloads import decoded_files


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("document", "ending", "content"),
    [
        ({"scriptContent": encoded(b"Get-Date")}, "script.ps1", b"Get-Date"),
        ({"scriptContent": encoded(b"#!/bin/zsh\n")}, "script.sh", b"#!/bin/zsh\n"),
        (
            {"scriptContent": encoded(b"print()"), "fileName": "Check Disk.PY"},
            "script.py",
            b"print()",
        ),
        ({"scriptContent": encoded(b"{}"), "fileName": "a.json"}, "script.json.txt", b"{}"),
        ({"scriptContent": encoded(b"x"), "fileName": "../../a.p/s1"}, "script.ps1", b"x"),
        ({"detectionScriptContent": encoded(b"exit 0")}, "detection.ps1", b"exit 0"),
        ({"remediationScriptContent": encoded(b"exit 1")}, "remediation.ps1", b"exit 1"),
        (
            {"payload": encoded(b"<?xml?><plist/>"), "payloadFileName": "wifi.mobileconfig"},
            "payload.mobileconfig",
            b"<?xml?><plist/>",
        ),
        ({"payload": encoded(b"<?xml?>\n<plist/>")}, "payload.plist", b"<?xml?>\n<plist/>"),
        ({"payload": encoded(b"bplist00\x00\x01")}, "payload.plist", b"bplist00\x00\x01"),
        ({"payloadJson": encoded(b"{}")}, "payload.json.txt", b"{}"),
        (
            {"scriptContent": encoded("Größe".encode("utf-16"))},
            "script.ps1",
            "Größe".encode("utf-16"),
        ),
        (
            {"rules": [{"scriptContent": encoded(b"exit 0")}]},
            "rules-0-script.ps1",
            b"exit 0",
        ),
        (
            {
                "omaSettings": [
                    {
                        "@odata.type": "#microsoft.graph.omaSettingStringXml",
                        "fileName": "apps.xml",
                        "value": encoded(b"<a/>"),
                    }
                ]
            },
            "omaSettings-0-value.xml",
            b"<a/>",
        ),
    ],
)
def test_encoded_value_is_decoded_with_a_fitting_ending(
    document: dict[str, Any], ending: str, content: bytes
) -> None:
    (found,) = decoded_files(document)
    assert (found.ending, found.content) == (ending, content)


@pytest.mark.parametrize(
    "document",
    [
        {"payload": encoded(b"\x30\x82\x01\x00signed")},
        {"payload": encoded(b"text\x00with nul")},
        {"scriptContent": "not base64!"},
        {"scriptContent": ""},
        {"scriptContent": None},
        {"value": encoded(b"plain elsewhere")},
        {"largeIcon": {"value": encoded(b"\x89PNG")}},
    ],
)
def test_binary_and_plain_values_stay_in_the_json_alone(document: dict[str, Any]) -> None:
    assert decoded_files(document) == []


def test_pointer_leads_to_the_value() -> None:
    document = {"rules": [{}, {"a/b": {"scriptContent": encoded(b"x")}}]}
    (found,) = decoded_files(document)
    assert found.pointer == "/rules/1/a~1b/scriptContent"


def test_two_places_of_one_word_get_two_endings() -> None:
    place = {"scriptContent": encoded(b"x")}
    found = decoded_files({"a-b": place, "ab": place})
    assert len({entry.ending for entry in found}) == 2


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=30)
@given(st.dictionaries(st.text(), DOCUMENTS), st.binary())
def test_any_document_gives_harmless_endings(document: dict[str, Any], content: bytes) -> None:
    found = decoded_files({**document, "scriptContent": encoded(content)})
    assert len({entry.ending.lower() for entry in found}) == len(found)
    for entry in found:
        assert "/" not in entry.ending
        assert not entry.ending.endswith((".json", ".yaml", ".yml"))
