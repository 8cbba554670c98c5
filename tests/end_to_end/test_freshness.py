"""A long backup is not called silent while it reads, nor while it is patient (row 107)."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from domain.runs import RunOutcome, RunStatus
from services.backups import lane_reading
from services.runs import signs_of_life
from tests.end_to_end.product import Product
from tests.eventually import eventually

SCRIPTS = "/deviceManagement/deviceManagementScripts"


async def progress_of(product: Product, run_id: UUID, later_than: datetime | None) -> datetime:
    """Return when a running backup last showed progress, once that is later than before."""

    async def progress() -> datetime:
        run = await product.services.runs.find(run_id)
        assert run is not None
        assert run.status is RunStatus.RUNNING
        assert run.progress_at is not None
        assert later_than is None or run.progress_at > later_than
        return run.progress_at

    return await eventually(progress, seconds=30)


@pytest.mark.parametrize("is_refused", [False, True], ids=["slow", "outage"])
async def test_running_backup_shows_signs_of_life(
    product: Product, monkeypatch: pytest.MonkeyPatch, *, is_refused: bool
) -> None:
    monkeypatch.setattr(signs_of_life, "INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr(lane_reading, "OUTAGE_PAUSE", timedelta(seconds=0.5))
    if is_refused:
        product.graph.control.add_fault(kind="status", status=500, path=SCRIPTS)
    else:
        product.graph.control.set_latency_ms(300)
    decision = await product.start(
        "backup_schedule.run_now", {"policy_types": ["powershellScript", "settingsCatalog"]}
    )
    run_id = decision.operation_run_id
    assert run_id is not None
    seen: datetime | None = None
    for _ in range(4):
        seen = await progress_of(product, run_id, seen)
    product.graph.control.set_latency_ms(0)
    product.graph.control.clear_faults()
    assert (await product.finished(decision)).outcome is RunOutcome.SUCCEEDED
