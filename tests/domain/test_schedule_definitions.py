from datetime import time, timedelta
from typing import Any

import pytest

from domain.schedule_definitions import ScheduleDefinition, check
from domain.schedules import Frequency, InvalidScheduleError, ScheduleSpec

KNOWN = ("conditionalAccessPolicy", "settingsCatalogPolicy")


def definition(**changes: Any) -> ScheduleDefinition:
    spec = ScheduleSpec("Europe/Vienna", Frequency.DAILY, time(2, 30))
    return ScheduleDefinition(**{"name": "Nightly", "spec": spec, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="defaults"),
        pytest.param({"policy_types": KNOWN}, id="known types"),
        pytest.param({"retention_keep_last": 1}, id="keep one set"),
        pytest.param({"catchup_window": timedelta(seconds=10)}, id="smallest window"),
        pytest.param({"name": "Zürich nächtlich"}, id="name beyond ASCII"),
    ],
)
def test_check_right_definition_passes(changes: dict[str, Any]) -> None:
    check(definition(**changes), KNOWN)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("name", "", id="empty name"),
        pytest.param("name", " Nightly", id="blank at the start"),
        pytest.param("name", "a\nb", id="line break in the name"),
        pytest.param("name", "x" * 201, id="long name"),
        pytest.param("policy_types", (), id="no type"),
        pytest.param("policy_types", ("mystery",), id="unknown type"),
        pytest.param("policy_types", KNOWN[:1] * 2, id="type twice"),
        pytest.param("retention_keep_last", 0, id="keep nothing"),
        pytest.param("jitter", timedelta(seconds=-1), id="negative jitter"),
        pytest.param("jitter", timedelta(days=1), id="jitter of a day"),
        pytest.param("jitter", timedelta(seconds=0.5), id="half a second of jitter"),
        pytest.param("catchup_window", timedelta(seconds=9), id="window Temporal would change"),
    ],
)
def test_check_wrong_field_is_named(field: str, value: object) -> None:
    with pytest.raises(InvalidScheduleError) as caught:
        check(definition(**{field: value}), KNOWN)
    assert [problem.field for problem in caught.value.problems] == [field]


def test_check_every_wrong_field_is_named_together() -> None:
    with pytest.raises(InvalidScheduleError) as caught:
        check(definition(name="", retention_keep_last=0), KNOWN)
    assert len(caught.value.problems) == 2
