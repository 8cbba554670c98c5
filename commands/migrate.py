"""`tenantops migrate`: bring the database to the newest schema."""

import asyncio
from typing import Annotated

import typer

from commands.errors import CommandError
from commands.local.environment import load_surroundings
from commands.options import JsonOption, examples
from commands.session import conduct
from commands.views.screen import Screen

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


@app.command(epilog=examples("tenantops migrate", "tenantops migrate --check"))
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 unless it is up to date.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the database to the newest schema; harmless when it is there, and from many at once."""
    screen = Screen(as_json=as_json)

    def work() -> None:
        settings = load_surroundings(screen).settings
        address = settings.database_url.get_secret_value()
        document = asyncio.run(migrate_database(address, is_check=check))
        screen.show(document, lambda: [_sentence(document)])
        if document["revision"] != document["head"]:
            raise CommandError("the database is not up to date; run `tenantops migrate`")

    conduct(work, screen)


async def migrate_database(address: str, *, is_check: bool = False) -> dict[str, str | None]:
    """Migrate up to the newest revision, unless only checking; return where the database is."""
    from storage.migrate import current, head, upgrade

    before = await current(address)
    if not is_check and before != head():
        await upgrade(address)
    return {"before": before, "revision": await current(address), "head": head()}


def _sentence(document: dict[str, str | None]) -> str:
    if document["before"] == document["head"]:
        return f"The database is at revision {document['revision']}, the newest."
    before = document["before"] or "an empty database"
    if document["revision"] == document["before"]:
        return f"The database is at {before}; the newest revision is {document['head']}."
    return f"Migrated from {before} to revision {document['revision']}."
