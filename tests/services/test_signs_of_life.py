"""A run whose work gets on is fresh, and one whose work does not is silent."""

import asyncio

import pytest

from services.runs import signs_of_life as signs
from services.runs.run_errors import RunAlreadyClosedError
from tests.eventually import eventually
from tests.services.run_ground import RunGround


class Work:
    """Steps that are counted, and signs that were written."""

    def __init__(self, *failures: Exception) -> None:
        self.steps = 0
        self.asked = 0
        self.signs: list[int] = []
        self._failures = list(failures)

    async def record(self) -> None:
        self.asked += 1
        if self._failures:
            raise self._failures.pop(0)
        self.signs.append(self.steps)

    async def has_shown(self, *signs: int) -> None:
        await eventually(lambda: self.signs == list(signs))


@pytest.fixture(autouse=True)
def hardly_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signs, "INTERVAL_SECONDS", 0.001)


async def test_sign_is_given_at_once_and_with_each_progress_alone() -> None:
    work = Work()
    async with signs.signs_of_life(lambda: work.steps, work.record):
        await work.has_shown(0)
        for step in (5, 9):
            work.steps = step
            await work.has_shown(*[0, 5, 9][: [0, 5, 9].index(step) + 1])
        done, _ = await asyncio.wait([asyncio.create_task(work.has_shown(0, 5, 9, 9))], timeout=0.1)
        assert not done
    work.steps = 12
    assert work.signs == [0, 5, 9]


async def test_sign_that_cannot_be_written_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = Work(ConnectionError("secret address"), TimeoutError())
    async with signs.signs_of_life(lambda: work.steps, work.record):
        await work.has_shown(0)
    assert work.asked == 3
    assert "secret" not in caplog.text


async def test_run_that_is_over_is_left_alone(ground: RunGround) -> None:
    run = await ground.created()
    work = Work(RunAlreadyClosedError(run.id), ConnectionError())
    async with signs.signs_of_life(lambda: work.steps, work.record):
        await eventually(lambda: work.asked == 1)
        work.steps = 1
        done, _ = await asyncio.wait([asyncio.create_task(work.has_shown(1))], timeout=0.05)
    assert not done
    assert work.asked == 1
