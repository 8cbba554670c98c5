"""Where a command finds its servers: the shell's variables, else a running development stack."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commands.views.screen import Screen

if TYPE_CHECKING:
    from devstack.stack import Stack
    from settings import Settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command stands on. `temporal_ui_url` is None where nobody knows of a Temporal UI."""

    settings: "Settings"
    temporal_ui_url: str | None


def load_surroundings(screen: Screen, *, needs_database: bool = True) -> Surroundings:
    """Read the settings; raises SettingsError.

    Without DATABASE_URL the variables of a running development stack are taken into this process,
    apart from those that the shell has.
    """
    from settings import load_settings, load_settings_without_database

    load = load_settings if needs_database else load_settings_without_database
    stack = _known_stack()
    if stack is not None and not os.environ.get("DATABASE_URL"):
        _adopt(stack, screen)
    return Surroundings(load(), None if stack is None else _ui_of(stack))


def uses_development_stack() -> bool:
    """Tell whether this process talks to the database of the development stack, running or not."""
    from devstack.configuration import default_state_directory

    if not (default_state_directory() / "environment.json").exists():
        return False
    from devstack.configuration import StackConfiguration
    from devstack.stack import Stack

    stack = Stack(StackConfiguration(state_directory=default_state_directory()), environment={})
    return os.environ.get("DATABASE_URL") == stack.environment().get("DATABASE_URL")


def _known_stack() -> "Stack | None":
    from devstack.configuration import default_state_directory

    # Without the file nothing runs, and the stack's modules need not be imported.
    if not (default_state_directory() / "state.json").exists():
        return None
    from devstack.configuration import StackConfiguration
    from devstack.stack import Stack

    return Stack(StackConfiguration(state_directory=default_state_directory()))


def _adopt(stack: "Stack", screen: Screen) -> None:
    from devstack.state import StackPhase

    if stack.status().phase is not StackPhase.RUNNING:
        return
    screen.note("No DATABASE_URL is set: using the development stack.")
    for name, value in stack.environment().items():
        os.environ.setdefault(name, value)


def _ui_of(stack: "Stack") -> str | None:
    parts = stack.status().parts.values()
    address = os.environ.get("TEMPORAL_ADDRESS")
    return next((part.ui_url for part in parts if part.ui_url and part.address == address), None)
