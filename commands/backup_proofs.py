"""`tenantops backup certificate`, `verify` and `completeness`: what proves that sets are whole."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.backup_files import FileProgress
from commands.errors import EXIT_FAILED, CommandError, InputError
from commands.finding.set_finding import LATEST, find_set
from commands.options import (
    JsonOption,
    TenantOfSetOption,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.session import Options, Session, conduct, execute
from commands.views.proof_views import (
    certificate_document,
    certificate_parts,
    last_complete_document,
    last_complete_parts,
    verification_document,
    verification_parts,
)
from commands.views.screen import Screen, json_text

if TYPE_CHECKING:
    from services.proofs.certificate_reading import CheckedCertificate
    from services.proofs.verification import VerificationReport
    from storage.accounts import StoredTenant

EVERYTHING = "all"

app = command_group("Prove that backup sets are complete and unaltered.")


@app.command(
    "certificate",
    epilog=examples(
        "tenantops backup certificate latest --tenant Contoso",
        "tenantops backup certificate 01934c2a --output contoso.certificate.json",
        "tenantops backup certificate --check contoso.certificate.json",
    ),
)
def certificate(
    set_: Annotated[
        str, typer.Argument(metavar="SET", help="Backup set, by id, start of id or `latest`.")
    ] = LATEST,
    tenant: TenantOfSetOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it to a new file instead."),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="FILE", help="Check a file; needs no database."),
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option(
            "--fingerprint", metavar="HEX", help="With --check: the key has to have this one."
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the certificate of a set: what was expected, captured, left out, and the proof."""
    if check is not None:
        screen = Screen(as_json=as_json)
        conduct(lambda: _show(screen, _checked(check, fingerprint)), screen)
        return

    async def work(session: Session) -> None:
        if fingerprint is not None:
            raise InputError("--fingerprint", "is for checking a file", "give --check FILE as well")
        checked = await _certificate_of(session, set_, tenant)
        if output is None:
            _show(session.screen, checked)
        else:
            _write(session.screen, output, checked)

    execute(work, Options(as_json=as_json, workspace=workspace))


@app.command(
    "verify",
    epilog=examples(
        "tenantops backup verify --tenant Contoso",
        "tenantops backup verify latest --tenant Contoso",
        "tenantops backup verify all --json",
    ),
)
def verify(
    set_: Annotated[
        str | None,
        typer.Argument(
            metavar="SET|all",
            help="One set, by id, start of id or `latest`; `all` for every tenant. "
            "Without it: the whole tenant.",
            show_default=False,
        ),
    ] = None,
    tenant: TenantOfSetOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute every hash and signature, open every document, and name what is wrong.

    Exit code 1 if anything is. A backup may run meanwhile.
    """

    async def work(session: Session) -> None:
        reports = await _verified(session, set_, tenant)
        session.screen.show(verification_document(reports), lambda: verification_parts(reports))
        if any(report.problems for _, report in reports):
            raise typer.Exit(EXIT_FAILED)

    execute(work, Options(as_json=as_json, workspace=workspace))


@app.command("completeness", epilog=examples("tenantops backup completeness --tenant Contoso"))
def completeness(
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", "-t", metavar="NAME|ID", help="Tenant; the only one if left out."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show for each resource type when it was last backed up completely, and which never were."""

    async def work(session: Session) -> None:
        from services.assembly import now

        chosen = await session.tenant(tenant, "--tenant")
        found = await session.services.last_complete.of_tenant(chosen.workspace_id, chosen.id)
        moment = now()
        session.screen.show(
            last_complete_document(found, moment), lambda: last_complete_parts(found, moment)
        )

    execute(work, Options(as_json=as_json, workspace=workspace))


async def _certificate_of(
    session: Session, wanted: str, tenant: str | None
) -> "CheckedCertificate":
    from services.proofs.certificate_reading import CertificateMissingError

    found, _ = await find_set(session, wanted, tenant)
    try:
        return await session.services.certificates.of_set(found.workspace_id, found.id)
    except CertificateMissingError:
        why = "has no certificate: it was imported, or made by a version without them"
        raise InputError("SET", why, "name another set") from None


async def _verified(
    session: Session, wanted: str | None, tenant: str | None
) -> "list[tuple[str, VerificationReport]]":
    service = session.services.verification
    with FileProgress(session.screen, "Verifying") as progress:
        if wanted is None or wanted == EVERYTHING:
            chosen = await _tenants(session, tenant, is_all=wanted == EVERYTHING)
            return [
                (
                    each.name,
                    await service.verify(each.workspace_id, each.id, on_progress=progress.show),
                )
                for each in chosen
            ]
        found, _ = await find_set(session, wanted, tenant)
        owner = await session.tenant(str(found.tenant_id))
        report = await service.verify(
            found.workspace_id, found.tenant_id, set_id=found.id, on_progress=progress.show
        )
        return [(owner.name, report)]


async def _tenants(session: Session, tenant: str | None, *, is_all: bool) -> "list[StoredTenant]":
    if not is_all:
        return [await session.tenant(tenant, "--tenant")]
    if tenant is not None:
        raise InputError("--tenant", "contradicts `all`", "leave one of them out")
    home = await session.workspace()
    return list(await session.services.accounts.list_tenants(home.id))


def _checked(path: Path, fingerprint: str | None) -> "CheckedCertificate":
    from services.proofs.certificate_reading import UnreadableExportError, check_export

    try:
        return check_export(path.read_bytes(), fingerprint)
    except OSError as error:
        problem = error.strerror or "cannot be read"
        raise InputError("--check", problem, "give a file that can be read") from None
    except UnreadableExportError:
        mend = "give one that `tenantops backup certificate --output` wrote"
        raise InputError("--check", "is no exported certificate", mend) from None


def _show(screen: Screen, checked: "CheckedCertificate") -> None:
    screen.show(certificate_document(checked), lambda: certificate_parts(checked))
    if checked.faults:
        raise typer.Exit(EXIT_FAILED)


def _write(screen: Screen, path: Path, checked: "CheckedCertificate") -> None:
    from services.proofs.certificate_reading import export_document

    content = json_text(export_document(checked.signed)).encode()
    try:
        # Never over another file: a certificate that was kept may be the only proof of a loss.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
            file.write(content)
    except OSError as error:
        problem = error.strerror or "cannot be written"
        raise InputError("--output", problem, "name a new file in a folder that exists") from None
    document = {"file": str(path.resolve()), "public_key_fingerprint": checked.signed.fingerprint}
    said = f"Wrote {path}. The key's fingerprint is {checked.signed.fingerprint}."
    screen.show(document, lambda: [said])
    if checked.faults:
        raise CommandError("; ".join(checked.faults))
