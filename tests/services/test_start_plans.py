"""How workflows of runs are started."""

from datetime import timedelta

import pytest

from domain.operation_types import OperationType
from services.admission.start_plans import Deadlines, StartPlans
from tests.services.run_ground import RunGround


@pytest.mark.parametrize(
    "type_", [OperationType.BACKUP_RUN_NOW, OperationType.DIRECTORY_ROLE_DEFINITIONS_SYNC]
)
async def test_plan_outlives_a_long_outage_of_the_workers(
    ground: RunGround, type_: OperationType
) -> None:
    run = await ground.created(type_)
    deadlines = Deadlines()
    limit = timedelta(seconds=StartPlans(deadlines).plan(run).execution_timeout_seconds)
    assert limit - deadlines.of(type_) >= timedelta(hours=24)
