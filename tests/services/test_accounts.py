import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from domain.capabilities import Capability, Role
from services.accounts.account_errors import (
    AccountNotFoundError,
    InvalidFieldError,
    NameTakenError,
    TenantExistsError,
)
from services.accounts.accounts import AccountService
from storage.accounts import StoredWorkspace
from storage.tables import audit_log
from tests.services.tenancy import EDITOR, audited, now

ENTRA = "6F1C7A52-9C3E-4C7F-8E57-0A6D2B1C9F10"


@pytest.fixture
def accounts(engine: AsyncEngine) -> AccountService:
    return AccountService(engine=engine, clock=now, new_id=uuid7)


@pytest.fixture
async def workspace(accounts: AccountService) -> StoredWorkspace:
    return await accounts.create_workspace(EDITOR, "Fabrikam")


async def test_create_workspace_is_listed_and_audited(
    engine: AsyncEngine, accounts: AccountService, workspace: StoredWorkspace
) -> None:
    assert await accounts.list_workspaces() == [workspace]
    assert await audited(engine) == ["workspace.create"]


async def test_create_workspace_name_in_use_is_refused_without_audit(
    engine: AsyncEngine, accounts: AccountService, workspace: StoredWorkspace
) -> None:
    with pytest.raises(NameTakenError):
        await accounts.create_workspace(EDITOR, "Fabrikam")
    assert await audited(engine) == ["workspace.create"]


@pytest.mark.parametrize("name", ["", " Fabrikam", "a\tb", "x" * 201])
async def test_create_workspace_unusable_name_is_refused(
    accounts: AccountService, name: str
) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        await accounts.create_workspace(EDITOR, name)
    assert caught.value.field == "name"


async def test_add_tenant_is_active_and_its_id_is_written_as_microsoft_does(
    accounts: AccountService, workspace: StoredWorkspace
) -> None:
    tenant = await accounts.add_tenant(EDITOR, workspace.id, f" {ENTRA} ", "Contoso")
    assert (tenant.entra_tenant_id, tenant.lifecycle) == (ENTRA.lower(), "active")
    assert await accounts.list_tenants(workspace.id) == [tenant]


async def test_add_tenant_of_another_workspace_answers_as_missing(
    accounts: AccountService, workspace: StoredWorkspace
) -> None:
    other = await accounts.create_workspace(EDITOR, "Litware")
    await accounts.add_tenant(EDITOR, other.id, ENTRA, "Contoso")
    with pytest.raises(AccountNotFoundError, match="there is no such tenant"):
        await accounts.add_tenant(EDITOR, workspace.id, ENTRA, "Mine")


async def test_add_tenant_twice_to_one_workspace_says_so(
    accounts: AccountService, workspace: StoredWorkspace
) -> None:
    await accounts.add_tenant(EDITOR, workspace.id, ENTRA, "Contoso")
    with pytest.raises(TenantExistsError):
        await accounts.add_tenant(EDITOR, workspace.id, ENTRA.lower(), "Again")


async def test_add_tenant_name_in_use_is_refused(
    accounts: AccountService, workspace: StoredWorkspace
) -> None:
    await accounts.add_tenant(EDITOR, workspace.id, ENTRA, "Contoso")
    with pytest.raises(NameTakenError):
        await accounts.add_tenant(EDITOR, workspace.id, str(uuid4()), "Contoso")


async def test_add_tenant_at_the_same_time_leaves_one(
    accounts: AccountService, workspace: StoredWorkspace
) -> None:
    answers = await asyncio.gather(
        *(accounts.add_tenant(EDITOR, workspace.id, ENTRA, f"C{number}") for number in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, TenantExistsError) for answer in answers) == 7
    assert len(await accounts.list_tenants(workspace.id)) == 1


async def test_add_tenant_id_that_is_no_guid_is_named_and_not_shown(
    accounts: AccountService, workspace: StoredWorkspace
) -> None:
    with pytest.raises(InvalidFieldError, match="entra_tenant_id") as caught:
        await accounts.add_tenant(EDITOR, workspace.id, "contoso.example", "Contoso")
    assert "contoso.example" not in str(caught.value)


async def test_add_tenant_workspace_missing_is_refused(accounts: AccountService) -> None:
    with pytest.raises(AccountNotFoundError, match="workspace"):
        await accounts.add_tenant(EDITOR, uuid4(), ENTRA, "Contoso")


async def test_archive_and_activate_tenant_move_its_lifecycle_and_are_audited_once(
    engine: AsyncEngine, accounts: AccountService, workspace: StoredWorkspace
) -> None:
    tenant = await accounts.add_tenant(EDITOR, workspace.id, ENTRA, "Contoso")
    for _ in range(2):
        archived = await accounts.archive_tenant(EDITOR, workspace.id, tenant.id)
    assert (archived.lifecycle, archived.archived_at is None) == ("archived", False)
    active = await accounts.activate_tenant(EDITOR, workspace.id, tenant.id)
    assert active == tenant
    assert (await audited(engine))[2:] == ["tenant.archive", "tenant.activate"]


async def test_show_tenant_of_another_workspace_answers_as_missing(
    accounts: AccountService, workspace: StoredWorkspace
) -> None:
    tenant = await accounts.add_tenant(EDITOR, workspace.id, ENTRA, "Contoso")
    other = await accounts.create_workspace(EDITOR, "Litware")
    with pytest.raises(AccountNotFoundError):
        await accounts.show_tenant(other.id, tenant.id)
    with pytest.raises(AccountNotFoundError):
        await accounts.archive_tenant(EDITOR, other.id, tenant.id)


async def test_add_principal_holds_exactly_what_it_was_given(
    accounts: AccountService, workspace: StoredWorkspace
) -> None:
    given = {Capability.OPERATIONS_START, Capability.BACKUPS_MANAGE}
    added = await accounts.add_principal(EDITOR, workspace.id, "nightly-jobs", given)
    assert set(added.capabilities) == given
    assert await accounts.list_principals(workspace.id) == [added]


async def test_grant_principal_replaces_and_audits_what_it_may_do(
    engine: AsyncEngine, accounts: AccountService, workspace: StoredWorkspace
) -> None:
    await accounts.add_principal(EDITOR, workspace.id, "jobs", {Capability.BACKUPS_MANAGE})
    granted = await accounts.grant_principal(
        EDITOR, workspace.id, "jobs", {Capability.OPERATIONS_VIEW}
    )
    assert granted.capabilities == ("tenant.operations.view",)
    async with engine.connect() as connection:
        query = select(audit_log.c.metadata).where(audit_log.c.action == "principal.grant")
        assert await connection.scalar(query) == {"capabilities": ["tenant.operations.view"]}


async def test_set_principal_active_disabled_principal_stays_known(
    accounts: AccountService, workspace: StoredWorkspace
) -> None:
    await accounts.add_principal(EDITOR, workspace.id, "jobs", set())
    changed = await accounts.set_principal_active(EDITOR, workspace.id, "jobs", is_active=False)
    assert not changed.is_active


async def test_grant_principal_of_another_workspace_answers_as_missing(
    accounts: AccountService, workspace: StoredWorkspace
) -> None:
    await accounts.add_principal(EDITOR, workspace.id, "jobs", set())
    other = await accounts.create_workspace(EDITOR, "Litware")
    with pytest.raises(AccountNotFoundError):
        await accounts.grant_principal(EDITOR, other.id, "jobs", {Capability.DANGER_ZONE})


async def test_put_user_known_person_keeps_the_id_and_renews_the_name(
    accounts: AccountService, workspace: StoredWorkspace
) -> None:
    person = str(uuid4())
    first = await accounts.put_user(ENTRA, person, "Adele")
    second = await accounts.put_user(ENTRA, person, "Adele Vance")
    await accounts.put_member(EDITOR, workspace.id, first, Role.MANAGER)
    assert first == second
    (member,) = await accounts.list_members(workspace.id)
    assert (member.display_name, member.role) == ("Adele Vance", "manager")


async def test_put_member_again_changes_the_role_and_remove_takes_it(
    engine: AsyncEngine, accounts: AccountService, workspace: StoredWorkspace
) -> None:
    user_id = await accounts.put_user(ENTRA, str(uuid4()), "Adele")
    for role in (Role.OWNER, Role.READONLY):
        await accounts.put_member(EDITOR, workspace.id, user_id, role)
    assert [member.role for member in await accounts.list_members(workspace.id)] == ["readonly"]
    await accounts.remove_member(EDITOR, workspace.id, user_id)
    assert await accounts.list_members(workspace.id) == []
    with pytest.raises(AccountNotFoundError):
        await accounts.remove_member(EDITOR, workspace.id, user_id)
    assert (await audited(engine))[-1] == "membership.remove"
