"""Finding a run by its id or the start of it, and reading it in full."""

from typing import TYPE_CHECKING
from uuid import UUID

from commands.errors import InputError
from commands.session import Session
from commands.views.links import LinkBase
from commands.views.screen import moment

if TYPE_CHECKING:
    from services.runs.run_reads import RunDetail


async def find_detail(session: Session, wanted: str) -> "RunDetail":
    """Return the run that is meant; raises InputError when none or several are."""
    home = await session.workspace()
    return await read_detail(session, await _find_id(session, home.id, wanted.strip()))


async def read_detail(session: Session, run_id: UUID) -> "RunDetail":
    """Return a run of the workspace by its whole id."""
    home = await session.workspace()
    detail = await session.services.run_reads.find_run(home.id, run_id)
    if detail is None:
        raise _missing()
    return detail


async def tenant_names(session: Session) -> dict[object, str]:
    """Return the names of the workspace's tenants by id."""
    home = await session.workspace()
    tenants = await session.services.accounts.list_tenants(home.id)
    return {tenant.id: tenant.name for tenant in tenants}


def link_base(session: Session) -> LinkBase:
    """Return what links of runs begin with."""
    return LinkBase(
        hub_url=session.settings.hub_url,
        temporal_ui_url=session.temporal_ui_url,
        namespace=_namespace(),
    )


async def _find_id(session: Session, workspace_id: UUID, wanted: str) -> UUID:
    try:
        return UUID(wanted)
    except ValueError:
        pass
    found = await session.services.run_reads.find_by_prefix(workspace_id, wanted)
    if not found:
        raise _missing()
    if len(found) > 1:
        shown = ", ".join(f"{run.id} ({run.label}, {moment(run.created_at)})" for run in found[:3])
        raise InputError("RUN", "fits more than one run", f"give more of the id: {shown}")
    return found[0].id


def _missing() -> InputError:
    return InputError("RUN", "names no run of this workspace", "see `tenantops runs list`")


def _namespace() -> str:
    from temporalio.envconfig import ClientConfig

    return ClientConfig.load_client_connect_config().get("namespace") or "default"
