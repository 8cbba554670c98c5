"""`docs/commands.md` from the command tree: one section for each command.

`python -m commands.reference` writes the page; a test holds it equal to the tree.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commands.tree import PURPOSES, Command, load

PAGE = Path(__file__).resolve().parent.parent / "docs" / "commands.md"

_INTRODUCTION = """\
# Commands

Written by `python -m commands.reference`; a test holds it equal to the command tree.

- Every command but `worker` and `dev` takes `--json`: one JSON document on stdout and nothing else
  there. Progress, notes and errors go to stderr; an error is a document too, under `error`, unless
  the result stands there already.
- Exit codes: 0 good, 1 something failed (also a run that was waited for and did not succeed),
  2 wrong usage or input, 130 left with Ctrl-C. Leaving never touches a run.
- Workspaces, tenants, connections, schedules and principals are named by name, id or the start of
  an id; runs and backup sets by id or the start of it. What there is only one of need not be named.
- A principal is asked for where work is started or something is changed. Looking needs none, and
  whoever has the database in hand may set up workspaces and principals without one.
- Without `DATABASE_URL` a running development stack is used, which is said on stderr.
- `tenantops --install-completion` installs completion for the present shell.
"""


def page() -> str:
    """Return the whole page."""
    sections = [section for path, command in leaves() for section in _section(path, command)]
    return "\n".join([_INTRODUCTION, *sections])


def leaves() -> Iterator[tuple[str, Command]]:
    """Yield each command that does something, by its full name, in the order of the help."""
    for name in PURPOSES:
        command = load(name)
        children: dict[str, Any] = getattr(command, "commands", {})
        if not children:
            yield f"tenantops {name}", command
        for child_name, child in children.items():
            yield f"tenantops {name} {child_name}", child


def _section(path: str, command: Command) -> Iterator[str]:
    parameters: list[Any] = [each for each in command.params if each.name != "help"]
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option"]
    yield f"## {path}\n"
    yield f"{(command.help or '').strip()}\n"
    words = [_placed(each) for each in arguments]
    yield "```sh\n" + " ".join((path, *words, "[OPTIONS]" if options else "")).rstrip() + "\n```\n"
    if parameters:
        yield "| Given as | Meaning |\n|---|---|"
        yield from (_row(_placed(each), each) for each in arguments)
        yield from (_row(_spelled(each), each) for each in options)
        yield ""
    if command.epilog:
        heading, *lines = command.epilog.split("\n\n")
        shown = "\n".join(line.strip() for line in lines)
        yield f"{heading}\n\n```sh\n{shown}\n```\n"


def _placed(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required else f"[{name}]"


def _spelled(option: Any) -> str:
    names = ", ".join((*option.opts, *option.secondary_opts))
    return f"{names} {option.metavar}" if option.metavar and not option.is_flag else names


def _row(given: str, parameter: Any) -> str:
    meaning = parameter.help or ""
    if parameter.required:
        meaning += " Required."
    default = parameter.default
    if default not in (None, False, "") and parameter.show_default is not False:
        meaning += f" Default: `{getattr(default, 'value', default)}`."
    if isinstance(parameter.envvar, str):
        meaning += f" Variable: `{parameter.envvar}`."
    return f"| `{given.replace('|', chr(92) + '|')}` | {meaning.strip()} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
