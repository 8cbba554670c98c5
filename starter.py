"""`tenantops`, the operator's command line, and starting operations from Python.

The commands live in `commands/`; what they do lives in services. Another service in Python calls
`start_operation`; one in another language starts `RequestOperationWorkflow` in Temporal instead.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

# Late, so that the help of the command line needs none of it.
if TYPE_CHECKING:
    from contracts.operations import OperationDecision, OperationRequest
    from services.assembly import Services
    from settings import Settings


async def start_operation(
    services_or_settings: "Services | Settings", request: "OperationRequest", *, key: str
) -> "OperationDecision":
    """Start an operation and return what was decided; what cannot run is a decision, not an error.

    The row of the run exists when this returns, and the work goes on without the caller. The same
    `key` with the same request always gets the same decision, also after a crash of the caller, so
    repeat a call that broke with the key it had. `request.principal` names the registered service
    that acts. With `request.wait` the call returns when the run has ended, with its outcome; bound
    the time by `asyncio.timeout`. Given settings instead of services, connections are opened for
    this call alone. Raises only when PostgreSQL cannot be reached.

        from contracts.operations import OperationRequest
        from settings import load_settings
        from starter import start_operation

        decision = await start_operation(
            load_settings(),
            OperationRequest(
                type="backup_schedule.run_now",
                workspace_id=workspace_id,
                tenant_id=tenant_id,
                principal="change-control",
            ),
            key="change-4711",
        )
        if decision.decision == "accepted":
            print("follow it: tenantops runs watch", decision.operation_run_id)
        else:
            print(decision.decision, decision.reason_code)
    """
    async with _opened(services_or_settings) as services:
        decision = await services.starts.start(request, key)
        if not request.wait or decision.operation_run_id is None:
            return decision
        ended = await services.waiting.until_completed(decision.operation_run_id)
        return decision.model_copy(update={"outcome": ended.outcome})


async def run_backup_now(  # noqa: PLR0913 - what one may say of a backup, by name
    services_or_settings: "Services | Settings",
    workspace_id: UUID,
    tenant_id: UUID,
    *,
    principal: str,
    key: str,
    schedule_id: UUID | None = None,
    resource_types: Sequence[str] | None = None,
    wait: bool = False,
) -> "OperationDecision":
    """Back a tenant up now: what a schedule selects, the given types, or everything."""
    from contracts.operations import OperationRequest

    inputs: dict[str, object] = {}
    if schedule_id is not None:
        inputs["backup_schedule_id"] = str(schedule_id)
    if resource_types is not None:
        inputs["policy_types"] = list(resource_types)
    request = OperationRequest.model_validate(
        {
            "type": "backup_schedule.run_now",
            "workspace_id": workspace_id,
            "tenant_id": tenant_id,
            "principal": principal,
            "inputs": inputs,
            "wait": wait,
        }
    )
    return await start_operation(services_or_settings, request, key=key)


async def sync_role_definitions(
    services_or_settings: "Services | Settings",
    workspace_id: UUID,
    tenant_id: UUID,
    *,
    principal: str,
    key: str,
    wait: bool = False,
) -> "OperationDecision":
    """Refresh a tenant's directory role definitions; an active sync is joined."""
    from contracts.operations import OperationRequest

    request = OperationRequest(
        type="directory_role_definitions.sync",
        workspace_id=workspace_id,
        tenant_id=tenant_id,
        principal=principal,
        wait=wait,
    )
    return await start_operation(services_or_settings, request, key=key)


@asynccontextmanager
async def _opened(given: "Services | Settings") -> "AsyncIterator[Services]":
    from services.assembly import Services, open_services

    if isinstance(given, Services):
        yield given
        return
    async with open_services(given, application_name="tenantops starter") as services:
        yield services


def main() -> None:
    """Run the command line; the console script `tenantops`."""
    from commands.tree import root
    from services.process.process_exit import run_and_exit

    run_and_exit(lambda: root()(prog_name="tenantops"))


if __name__ == "__main__":
    main()
