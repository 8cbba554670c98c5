"""From the options of `tenantops try` to what is read, as whom, and how fast."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from commands.connection_credentials import parse_cloud
from commands.errors import InputError
from commands.schedule_editing import checked_types
from domain.references import GROUP, may_refer_to_groups
from domain.resource_types.registry import RESOURCE_TYPES, backup_types
from domain.resource_types.shape import ResourceType
from graph.budgets import BudgetKey, LocalBudgets, limit_of
from graph.clouds import ENDPOINTS, Cloud, GraphEndpoint, custom_endpoint
from graph.credentials import AppIdentity
from graph.request_costs import AreaLimit
from services.trial.trial_state import TrialState
from services.trial.trials import TrialRequest
from settings import Settings, load_settings_without_database

# Whoever signs in brings the tenant along.
_ANY_TENANT = "organizations"
_TENANT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The options as they were typed; null where one was not given."""

    client_id: str
    types: str | None = None
    tenant: str | None = None
    cloud: str | None = None


@dataclass(frozen=True, slots=True)
class TrialOrder:
    """A request, and the budget of this process for it."""

    request: TrialRequest
    budgets: LocalBudgets


def trial_order(wishes: Wishes, former: TrialState | None) -> TrialOrder:
    """Return what to do; tenant and cloud of the folder's last call stand where none is named.

    Raises InputError and SettingsError.
    """
    settings = load_settings_without_database()
    if wishes.tenant is not None and not _TENANT.fullmatch(wishes.tenant):
        raise InputError("--tenant", "is no id and no domain", "give one, or leave it out")
    if not _GUID.fullmatch(wishes.client_id):
        raise InputError("--client-id", "is no id of an app", "give one, or leave it out")
    wanted = wishes.cloud or (None if former is None else former.cloud)
    cloud = parse_cloud(wanted, is_custom=settings.is_custom_cloud)
    if former is not None:
        _refuse_mixing(wishes, cloud, former)
    tenant = wishes.tenant or (_ANY_TENANT if former is None else former.entra_tenant_id)
    proxy = settings.http_proxy
    request = TrialRequest(
        endpoint=_endpoint(settings, cloud),
        identity=AppIdentity(tenant, wishes.client_id.lower()),
        types=_chosen(wishes.types),
        deadline=settings.backup_deadline,
        proxy=None if proxy is None else proxy.get_secret_value(),
    )
    return TrialOrder(request, _budgets(settings))


def _refuse_mixing(wishes: Wishes, cloud: Cloud, former: TrialState) -> None:
    """Refuse what cannot be the folder's tenant, before anybody signs in.

    A domain says who it is only then.
    """
    mend = "name another folder, or leave it out"
    if cloud.value != former.cloud:
        raise InputError("--cloud", f"the folder holds a tenant of {former.cloud}", mend)
    named = wishes.tenant or ""
    if _GUID.fullmatch(named) and named.lower() != former.entra_tenant_id:
        raise InputError("--tenant", f"the folder holds {former.entra_tenant_id}", mend)


def _chosen(types: str | None) -> Sequence[ResourceType]:
    """Return the types in the order of the registry; those of a usual backup without a choice.

    The groups that they refer to come along, for their names.
    """
    keys = checked_types(types, list(RESOURCE_TYPES), "--types")
    if keys is None:
        return backup_types()
    chosen = [entry for key, entry in RESOURCE_TYPES.items() if key in keys]
    needs_groups = GROUP not in keys and any(may_refer_to_groups(entry) for entry in chosen)
    return [*chosen, RESOURCE_TYPES[GROUP]] if needs_groups else chosen


def _endpoint(settings: Settings, cloud: Cloud) -> GraphEndpoint:
    if cloud is not Cloud.CUSTOM:
        return replace(ENDPOINTS[cloud], ca_file=settings.ca_bundle)
    if settings.graph_root is None or settings.authority_host is None:
        mend = "set TENANTOPS_GRAPH_ROOT and TENANTOPS_AUTHORITY_HOST"
        raise InputError("--cloud", "custom has no addresses here", mend)
    return custom_endpoint(
        authority=settings.authority_host,
        graph_root=settings.graph_root,
        ca_file=settings.ca_bundle,
    )


def _budgets(settings: Settings) -> LocalBudgets:
    """Return Microsoft's limits for this process, which shares them with nobody it knows of."""

    def scaled(key: BudgetKey) -> AreaLimit:
        limit = limit_of(key)
        return AreaLimit(max(int(limit.units * settings.graph_budget_scale), 1), limit.seconds)

    return LocalBudgets(share=settings.graph_budget_share, limits=scaled)
