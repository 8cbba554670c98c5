# ruff: noqa: INP001 - a script beside the pages that it writes, not a package
"""Write what follows from the code: reasons, resource types, settings in README and .env.example.

`python docs/generate.py` rewrites them; tests/architecture/test_docs.py fails when they differ.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import wrap

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from domain.links import LinkTarget  # noqa: E402 - needs the path above
from domain.reasons import Reason, ReasonClass, catalog  # noqa: E402
from domain.resource_types.registry import RESOURCE_TYPES  # noqa: E402
from domain.resource_types.shape import FollowUp, ResourceType  # noqa: E402
from settings import settings_reference  # noqa: E402

GENERATED = "<!-- Written by docs/generate.py; change the code that it reads, not this page. -->"
SETTINGS_BEGIN = "<!-- SETTINGS: begin, written by docs/generate.py -->"
SETTINGS_END = "<!-- SETTINGS: end -->"
EXAMPLE_BEGIN = "# Settings of the product, written by docs/generate.py"
EXAMPLE_END = "# End of the settings"
# Made by docker-compose.yml out of the secrets.
SET_BY_COMPOSE = {"DATABASE_URL", "TENANTOPS_ROOT_KEY", "TENANTOPS_ROOT_KEY_FILE"}

REASONS_INTRODUCTION = """\
# Reason codes

Every cause that a run, a resource type or a decision can have. The list is append-only: a code is
never renamed. The text of a provider's error is never kept; what one reads is our own sentence for
the code. A flow may add codes of the form `ext.<flow>.<detail>` before they stand here.

The class says what follows: **blocked** waits for a person, **failed** gives the same answer when
tried again, **retryable** may well work later, **skipped** was left out on purpose, **neutral** is
no problem. A retryable code that outlives its run's deadline is what the run ends with.
"""

TYPES_INTRODUCTION = """\
# Resource types

What can be read: {total} types, one registry entry each ([how to add one](extending.md)). Paths are
below the root of Microsoft Graph. *Read separately* names what the list does not hold. *Restore* is
the level planned for the type; restoring is not part of this version. A *foundation* is what other
policies refer to: a schedule backs it up along with the types that it names, unless it is told not
to (`--no-foundations`).
"""

LEFT_OUT_INTRODUCTION = """\
## Not in backups unless they are named

A backup of all types leaves these out; `--types` and a schedule's selection may name them.
"""

PERMISSIONS_INTRODUCTION = """\
## Permissions

The least application permission of each type. A type whose permission is missing is recorded as
`provider_permission_denied`; the other types are backed up all the same.
"""

NOTHING = "-"

CLASS_TITLES = {
    ReasonClass.BLOCKED: "Blocked",
    ReasonClass.FAILED: "Failed",
    ReasonClass.RETRYABLE: "Retryable",
    ReasonClass.SKIPPED: "Skipped",
    ReasonClass.NEUTRAL: "Neutral",
}


def pages() -> dict[Path, str]:
    """Return every generated file with its content; two keep what is around their settings."""
    readme = PROJECT / "README.md"
    example = PROJECT / ".env.example"
    return {
        PROJECT / "docs" / "reasons.md": reasons_page(),
        PROJECT / "docs" / "resource-types.md": resource_types_page(),
        readme: between(readme, SETTINGS_BEGIN, settings_table(), SETTINGS_END),
        example: between(example, EXAMPLE_BEGIN, settings_example(), EXAMPLE_END),
    }


def reasons_page() -> str:
    """Return the catalog of reason codes, one section for each class, one anchor for each code."""
    sections = [GENERATED, REASONS_INTRODUCTION]
    for reason_class in ReasonClass:
        rows = [
            (
                f'<a id="{one.code}"></a>`{one.code}`',
                one.label,
                one.explanation,
                ", ".join(next_labels(one)) or NOTHING,
            )
            for one in catalog()
            if one.reason_class is reason_class
        ]
        heading = f"## {CLASS_TITLES[reason_class]}\n"
        sections.append(f"{heading}\n{table(('code', 'label', 'what it means', 'next'), rows)}")
    return "\n".join(sections)


def next_labels(entry: Reason) -> list[str]:
    """Return what to do, without the link that leads to this page."""
    steps = entry.next_steps
    return [step.label for step in steps if step.target is not LinkTarget.DOCUMENTATION]


def resource_types_page() -> str:
    """Return the registry of resource types as tables, one for each throttle lane."""
    sections = [GENERATED, TYPES_INTRODUCTION.format(total=len(RESOURCE_TYPES))]
    lanes = dict.fromkeys(entry.lane for entry in RESOURCE_TYPES.values())
    header = ("key", "what", "read from", "read separately", "permission", "restore")
    for lane in lanes:
        rows = [type_row(entry) for entry in RESOURCE_TYPES.values() if entry.lane is lane]
        sections.append(f"## Lane `{lane}`\n\n{table(header, rows)}")
    left_out = [
        (f"`{entry.key}`", entry.left_out_reason)
        for entry in RESOURCE_TYPES.values()
        if entry.left_out_reason is not None
    ]
    sections.append(f"{LEFT_OUT_INTRODUCTION}\n{table(('key', 'why'), left_out)}")
    sections.append(f"{PERMISSIONS_INTRODUCTION}\n{permissions_table()}")
    return "\n".join(sections)


def permissions_table() -> str:
    """Return each application permission with the types that need it to be read."""
    needed: dict[str, list[str]] = {}
    for entry in RESOURCE_TYPES.values():
        needed.setdefault(entry.permission_read, []).append(f"`{entry.key}`")
    rows = [(f"`{permission}`", ", ".join(keys)) for permission, keys in sorted(needed.items())]
    return table(("application permission", "types"), rows)


def type_row(entry: ResourceType) -> Sequence[str]:
    """Return the cells of one type."""
    separately = ["the whole object"] if entry.item is not None else []
    separately += [f"`{follow_up.property}`" for follow_up in own_reads(entry.follow_ups)]
    if entry.encrypted_values is not None:
        separately.append(f"encrypted values (`{entry.encrypted_values.permission}`)")
    restore = f"{entry.restore.level}".replace("_", " ")
    reason = f": {entry.restore.reason}".replace("_", " ") if entry.restore.reason else ""
    label = entry.label if entry.in_backups else f"{entry.label} (not in backups)"
    label = f"{label} (foundation)" if entry.is_foundation else label
    return (
        f"`{entry.key}`",
        label,
        f"`{entry.version}{entry.list_path}`",
        ", ".join(separately) or NOTHING,
        f"`{entry.permission_read}`",
        restore + reason,
    )


def own_reads(follow_ups: Iterable[FollowUp]) -> list[FollowUp]:
    """Return the follow-ups that cost requests of their own."""
    return [one for one in follow_ups if not one.expanded]


def between(path: Path, begin: str, text: str, end: str) -> str:
    """Return the content of a file with `text` between its two marks; LookupError without them."""
    before, has_begin, rest = path.read_text(encoding="utf-8").partition(begin)
    _, has_end, after = rest.partition(end)
    if not has_begin or not has_end:
        raise LookupError(f"{path.name} lacks the marks of its settings")
    return f"{before}{begin}\n{text}{end}{after}"


def settings_example() -> str:
    """Return every setting that containers get from `.env`, as comments with their defaults."""
    lines = [""]
    for one in settings_reference():
        if one.variable not in SET_BY_COMPOSE:
            text = f"{one.description}{' Keep it out of files.' if one.is_secret else ''}"
            lines += [f"# {line}" for line in wrap(text, 98)]
            lines += [f"# {one.variable}={one.default or ''}", ""]
    return "".join(f"{line}\n" for line in lines)


def settings_table() -> str:
    """Return every setting of the product as a table."""
    rows = [
        (
            f"`{one.variable}`",
            f"{one.description}{' Secret.' if one.is_secret else ''}",
            "required" if one.is_required else f"`{one.default}`" if one.default else "none",
        )
        for one in settings_reference()
    ]
    return table(("variable", "what it does", "default"), rows)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    escaped = [[cell.replace("|", r"\|") for cell in row] for row in lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in escaped)


def main() -> None:
    """Write every page that differs."""
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.relative_to(PROJECT)}\n")


if __name__ == "__main__":
    main()
