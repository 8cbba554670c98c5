"""Which workflow execution an activity works for, as Temporal says and no payload can forge."""

from temporalio import activity

from contracts.errors import RefusedError


def own_workflow_id() -> str:
    """Return the ID of the workflow; an activity that stands alone has none and is refused."""
    workflow_id = activity.info().workflow_id
    if workflow_id is None:
        raise RefusedError("input_invalid")
    return workflow_id
