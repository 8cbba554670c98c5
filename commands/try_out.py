"""`tenantops try`: a person's own tenant read into a folder, and what changed since the last call.

The module has another name than the command, because Python keeps `try` to itself.
"""

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.errors import EXIT_FAILED, InputError
from commands.options import JsonOption, examples
from commands.session import conduct, quiet_libraries
from commands.views.screen import Screen, counted

if TYPE_CHECKING:
    from commands.trial_orders import TrialOrder
    from commands.views.run_views import ProgressView
    from commands.views.watching import ProgressDisplay
    from graph.device_sign_in import SignedIn, SignInPrompt
    from services.trial.trial_folder import TrialFolder
    from services.trial.trials import TrialReport

# Microsoft Graph Command Line Tools: Microsoft's own public client, known to every tenant.
COMMAND_LINE_APP = "14d82eec-204b-4c2f-b7e8-296a70dab67e"
_FOLDER = Path("tenantops-try")
_INTERRUPTED = "Interrupted; the folder is as it was."

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


@app.command(
    epilog=examples(
        "tenantops try",
        "tenantops try ./contoso --types settingsCatalog,caPolicy",
        "tenantops try ./contoso --tenant contoso.onmicrosoft.com --allow-partial --json",
    )
)
def try_(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Folder to read into: absent, empty, or of an earlier call."
        ),
    ] = _FOLDER,
    types: Annotated[
        str | None,
        typer.Option("--types", metavar="KEYS", help="Only these resource types, with commas."),
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option(
            "--tenant",
            "-t",
            metavar="ID|DOMAIN",
            help="Entra tenant to sign in to; that of whoever signs in, if left out.",
        ),
    ] = None,
    cloud: Annotated[
        str | None,
        typer.Option("--cloud", metavar="NAME", help="Cloud of the tenant; global, if left out."),
    ] = None,
    client_id: Annotated[
        str,
        typer.Option(
            "--client-id",
            metavar="ID",
            help="Public client to sign in with; Microsoft Graph Command Line Tools, if left out.",
            show_default=False,
        ),
    ] = COMMAND_LINE_APP,
    allow_partial: Annotated[
        bool,
        typer.Option("--allow-partial", help="Exit with 0 although a type was not read whole."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read your own tenant into a folder, and show what changed since the last call.

    Signs you in with a code, only reads, and needs no database, no settings and no app of yours.
    The folder holds what Microsoft Graph returned, secret values included: keep it to yourself.
    """
    screen = Screen(as_json=as_json)

    def work() -> None:
        # Late: the help needs none of it.
        from commands.trial_orders import Wishes, trial_order

        quiet_libraries()
        place = folder.absolute()
        trial = _open_folder(place)
        try:
            if trial.recovered:
                screen.note("An earlier call was ended while it moved its files; that is done now.")
            wishes = Wishes(types=types, tenant=tenant, cloud=cloud, client_id=client_id)
            order = trial_order(wishes, trial.state)
            report = asyncio.run(_read(screen, trial, order))
        finally:
            trial.close()
        _show(screen, place, report, allow_partial=allow_partial)

    conduct(work, screen, _INTERRUPTED)


def _open_folder(place: Path) -> "TrialFolder":
    from services.trial.trial_folder import TrialFolderError, open_folder
    from services.trial.trial_state import TrialStateError

    try:
        return open_folder(place)
    except (TrialFolderError, TrialStateError) as error:
        problem, _, mend = str(error).rpartition("; ")
    raise InputError("FOLDER", problem, mend)


async def _read(screen: Screen, folder: "TrialFolder", order: "TrialOrder") -> "TrialReport":
    from commands.views.trial_views import sign_in_refusal
    from graph.errors import GraphError
    from services.trial.trial_folder import TrialFolderError
    from services.trial.trials import Trial

    with ExitStack() as stack:
        trial = Trial(
            folder=folder,
            request=order.request,
            budgets=order.budgets,
            audience=_Watching(screen, stack),
        )
        try:
            return await trial.run()
        except GraphError as error:
            # What fails later belongs to a type, and is in the report.
            failure: Exception = sign_in_refusal(error)
        except TrialFolderError as error:
            problem, _, mend = str(error).rpartition("; ")
            failure = InputError("FOLDER", problem, mend)
    raise failure


class _Watching:
    """Shows the code, who signed in, and how far the reading is."""

    def __init__(self, screen: Screen, stack: ExitStack) -> None:
        self._screen = screen
        self._stack = stack
        self._display: ProgressDisplay | None = None
        self._view: ProgressView | None = None

    def prompt(self, prompt: "SignInPrompt") -> None:
        """Show where to sign in, with which code."""
        from commands.views.trial_views import prompt_panel, prompt_sentence

        if self._screen.err.is_terminal:
            self._screen.err.print(prompt_panel(prompt))
        else:
            self._screen.note(prompt_sentence(prompt))

    def signed_in(self, person: "SignedIn") -> None:
        """Say who signed in, on the screen alone."""
        from commands.views.watching import ProgressDisplay

        who = person.account or "an account without a name"
        self._screen.note(f"Signed in as {who}, tenant {person.entra_tenant_id}. Reading only.")
        self._display = self._stack.enter_context(ProgressDisplay(self._screen, is_live=True))

    def progress(self, types_done: int, types_total: int, objects: int) -> None:
        """Show how far the reading is."""
        from commands.views.run_views import ProgressView

        self._view = ProgressView(f"Reading: {counted(objects, 'object')}", types_done, types_total)
        if self._display is not None:
            self._display.update(self._view)

    def waits(self, resource_type: str, reason_code: str) -> None:
        """Show why nothing moves; the next progress takes it away."""
        from domain.reasons import reason

        if self._display is not None and self._view is not None:
            warning = f"{resource_type} waits: {reason(reason_code).label}"
            self._display.update(replace(self._view, warning=warning))


def _show(screen: Screen, place: Path, report: "TrialReport", *, allow_partial: bool) -> None:
    from commands.views.trial_views import trial_document, trial_parts

    screen.show(trial_document(place, report), lambda: trial_parts(place, report))
    partial = [of_type.result.resource_type for of_type in report.types if not of_type.is_whole]
    if not partial:
        return
    is_nothing = not any(of_type.result.has_effect for of_type in report.types)
    if allow_partial and not is_nothing:
        screen.note(f"Not read whole: {', '.join(partial)}.")
        return
    screen.complain(f"not read whole: {', '.join(partial)}; --allow-partial makes this exit with 0")
    raise typer.Exit(EXIT_FAILED)
