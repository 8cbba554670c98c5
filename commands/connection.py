"""`tenantops connection`: by which app a tenant is reached; credentials go in and never out."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from commands.connection_check import check_connection, report_check
from commands.connection_credentials import CredentialSources, read_credential
from commands.finding.run_finding import tenant_names
from commands.finding.selection import choose, only
from commands.options import (
    JsonOption,
    NamedTenant,
    PrincipalOption,
    TenantArgument,
    TenantOption,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.session import Options, Session, execute
from commands.views.screen import short_id, table
from domain.capabilities import Capability
from domain.connections import Purpose
from domain.reasons import reason

if TYPE_CHECKING:
    from storage.connections import StoredConnection

_NONE_YET = "No connections yet; add one with `tenantops connection add TENANT --app-id ID`."

app = command_group("Provider connections: by which app a tenant is reached.")

ConnectionArgument = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="Connection, by name, id or start of id.")
]
OnlyConnectionArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="CONNECTION",
        help="Connection, by name, id or start of id; the only one if there is just one.",
        show_default=False,
    ),
]
SecretEnvOption = Annotated[
    str | None,
    typer.Option("--secret-env", metavar="NAME", help="Variable that holds the client secret."),
]
SecretFileOption = Annotated[
    Path | None,
    typer.Option("--secret-file", metavar="PATH", help="File that holds the client secret."),
]
CertificateOption = Annotated[
    Path | None,
    typer.Option("--certificate", metavar="PATH", help="PEM or PKCS #12 file, with its key."),
]
PasswordEnvOption = Annotated[
    str | None,
    typer.Option("--password-env", metavar="NAME", help="Variable with its password."),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="PATH", help="File of a workload identity's token."),
]
ManagedOption = Annotated[
    bool, typer.Option("--managed-identity", help="Use the identity of this Azure resource.")
]


@app.command(
    "add",
    epilog=examples(
        "tenantops connection add Contoso --app-id 0f8f… --secret-env CONTOSO_SECRET",
        "tenantops connection add Contoso --app-id 0f8f… --certificate app.pfx",
    ),
)
def add(
    tenant: NamedTenant,
    app_id: Annotated[
        str, typer.Option("--app-id", metavar="ID", help="Client id of the app registration.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name; the purpose if left out.")
    ] = (None),
    purpose: Annotated[
        Purpose,
        typer.Option(
            "--purpose",
            metavar="PURPOSE",
            help="`read` for backups and syncs, `write` for restores only.",
        ),
    ] = Purpose.READ,
    cloud: Annotated[
        str | None,
        typer.Option(
            "--cloud",
            metavar="CLOUD",
            help="global, us_government, us_government_dod, china or custom.",
        ),
    ] = None,
    secret_env: SecretEnvOption = None,
    secret_file: SecretFileOption = None,
    certificate: CertificateOption = None,
    password_env: PasswordEnvOption = None,
    token_file: TokenFileOption = None,
    managed_identity: ManagedOption = False,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a connection; asks for the client secret unless told where the credential is."""
    sources = CredentialSources(
        secret_env=secret_env,
        secret_file=secret_file,
        certificate=certificate,
        password_env=password_env,
        token_file=token_file,
        managed_identity=managed_identity,
    )

    async def work(session: Session) -> None:
        from commands.connection_credentials import parse_cloud
        from services.connections.connections import NewConnection

        actor = await session.actor(Capability.PROVIDERS_MANAGE)
        found = await session.tenant(tenant)
        new = NewConnection(
            name=name or purpose.value,
            app_id=app_id,
            credential=read_credential(sources, session.screen),
            purpose=purpose,
            cloud=parse_cloud(cloud, is_custom=session.settings.is_custom_cloud),
        )
        added = await session.services.connections.add(actor, found.workspace_id, found.id, new)
        role = "the default" if added.is_default else "not the default"
        session.screen.show(
            {"connection": added},
            lambda: [
                f"Added connection {added.name} ({added.id}); it is {role} for {added.purpose}.",
                f"Try it: tenantops connection test {short_id(added.id)}",
            ],
        )

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


@app.command("list", epilog=examples("tenantops connection list Contoso"))
def list_connections(
    tenant: TenantArgument = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the connections of a tenant, or of every tenant."""

    async def work(session: Session) -> None:
        found = await _all(session, tenant)
        names = await tenant_names(session)
        session.screen.show({"connections": found}, lambda: [_connections(found, names)])

    execute(work, Options(as_json=as_json, workspace=workspace))


@app.command("test", epilog=examples("tenantops connection test", "tenantops connection test read"))
def check(
    connection: OnlyConnectionArgument = None,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Get a token, read once, and say which permissions are missing for what."""

    async def work(session: Session) -> None:
        await session.actor(Capability.PROVIDERS_RUN_OPS)
        found = await _find(session, connection, tenant)
        report_check(session.screen, found, await check_connection(session.services, found))

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


@app.command(
    "credential", epilog=examples("tenantops connection credential read --secret-file new.txt")
)
def credential(
    connection: ConnectionArgument,
    tenant: TenantOption = None,
    secret_env: SecretEnvOption = None,
    secret_file: SecretFileOption = None,
    certificate: CertificateOption = None,
    password_env: PasswordEnvOption = None,
    token_file: TokenFileOption = None,
    managed_identity: ManagedOption = False,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replace the credential; what was refused before is tried again at once."""
    sources = CredentialSources(
        secret_env=secret_env,
        secret_file=secret_file,
        certificate=certificate,
        password_env=password_env,
        token_file=token_file,
        managed_identity=managed_identity,
    )

    async def work(session: Session) -> None:
        actor = await session.actor(Capability.CREDENTIALS_ROTATE)
        found = await _find(session, connection, tenant)
        given = read_credential(sources, session.screen)
        connections = session.services.connections
        changed = await connections.replace_credential(actor, found.workspace_id, found.id, given)
        _show_changed(session, changed, "has a new credential")

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


@app.command("default", epilog=examples("tenantops connection default read"))
def default(
    connection: ConnectionArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a connection the one that work of its purpose uses."""
    options = Options(as_json=as_json, workspace=workspace, principal=principal)
    _change(lambda service: service.set_default, "is the default now", connection, tenant, options)


@app.command("disable", epilog=examples("tenantops connection disable read"))
def disable(
    connection: ConnectionArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let nobody use a connection; no other one becomes the default by itself."""
    options = Options(as_json=as_json, workspace=workspace, principal=principal)
    _change(lambda service: service.disable, "is disabled", connection, tenant, options)


@app.command("enable", epilog=examples("tenantops connection enable read"))
def enable(
    connection: ConnectionArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a disabled connection be used again; it is not the default."""
    options = Options(as_json=as_json, workspace=workspace, principal=principal)
    _change(lambda service: service.enable, "is enabled", connection, tenant, options)


def _change(
    pick: Callable[[Any], Callable[..., Any]],
    said: str,
    connection: str,
    tenant: str | None,
    options: Options,
) -> None:
    async def work(session: Session) -> None:
        actor = await session.actor(Capability.PROVIDERS_MANAGE)
        found = await _find(session, connection, tenant)
        change = pick(session.services.connections)
        _show_changed(session, await change(actor, found.workspace_id, found.id), said)

    execute(work, options)


def _show_changed(session: Session, changed: "StoredConnection", said: str) -> None:
    session.screen.show({"connection": changed}, lambda: [f"Connection {changed.name} {said}."])


async def _all(session: Session, tenant: str | None) -> "list[StoredConnection]":
    home = await session.workspace()
    if tenant is not None:
        tenants = [await session.tenant(tenant)]
    else:
        tenants = await session.services.accounts.list_tenants(home.id)
    found: list[StoredConnection] = []
    for entry in tenants:
        found += await session.services.connections.list_connections(home.id, entry.id)
    return found


async def _find(session: Session, wanted: str | None, tenant: str | None) -> "StoredConnection":
    known = await _all(session, tenant)
    if wanted is None:
        return only(known, "CONNECTION", "connection", "add one with `tenantops connection add`")
    return choose(known, wanted, "CONNECTION", "connection")


def _connections(found: "list[StoredConnection]", tenants: Mapping[object, str]) -> Table:
    rows = [
        (
            entry.name,
            short_id(entry.id),
            tenants.get(entry.tenant_id),
            entry.purpose + (" (default)" if entry.is_default else ""),
            entry.cloud,
            entry.credential_kind.replace("_", " "),
            entry.credential_expires_at,
            "disabled" if entry.disabled_at else entry.verification_status,
            None if entry.last_reason_code is None else reason(entry.last_reason_code).label,
        )
        for entry in found
    ]
    columns = ("Name", "Id", "Tenant", "Purpose", "Cloud", "Credential", "Expires", "State")
    return table((*columns, "Reason"), rows, empty=_NONE_YET)
