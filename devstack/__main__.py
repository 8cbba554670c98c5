"""Command line of the development stack: `python -m devstack start|stop|status|env|run`."""

import argparse
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path

from devstack.configuration import (
    GraphOptions,
    PortName,
    StackConfiguration,
    default_state_directory,
)
from devstack.stack import Stack, StackStartError
from devstack.state import StackPhase, StackState
from devstack.supervisor import AlreadySupervisedError, PartStartError, Supervisor

EXIT_FAILED = 1
EXIT_ALREADY_SUPERVISED = 3
EXIT_INTERRUPTED = 130
COMMANDS = {
    "start": "start the stack in the background, or bring back what was killed",
    "stop": "end every part",
    "status": "show what runs where",
    "env": "print the variables that lead the product here, as shell exports",
    "run": "run in the foreground until Ctrl-C",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    0; 1 failed or not running; 2 wrong usage; 3 another supervisor runs; 130 interrupted.
    """
    options = parser().parse_args(arguments)
    try:
        if options.command == "run":
            return run(options)
        # SIGTERM undoes a half-made start as Ctrl-C does.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        stack = Stack(configuration(options))
        return {"start": start, "stop": stop, "status": status, "env": env}[options.command](
            stack, as_json=options.json
        )
    except (StackStartError, PartStartError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    described = "\n".join(f"  {name:8}{text}" for name, text in COMMANDS.items())
    result = argparse.ArgumentParser(
        prog="python -m devstack",
        description="PostgreSQL, Temporal and a local Microsoft Graph on this machine.",
        epilog=f"commands:\n{described}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("command", choices=COMMANDS)
    result.add_argument("--json", action="store_true", help="print the state as JSON")
    result.add_argument("--state-dir", type=Path, help="default: .devstack of the checkout")
    for name in PortName:
        option = f"--{name.replace('_', '-')}-port"
        result.add_argument(option, type=int, help="0: any free one")
    graph = GraphOptions()
    result.add_argument(
        "--profile", default=graph.profile, help="size of a tenant: S, M, L, stress"
    )
    result.add_argument("--tenants", type=int, default=graph.tenants)
    result.add_argument("--seed", type=int, default=graph.seed)
    result.add_argument("--budget-scale", type=float, default=graph.budget_scale)
    result.add_argument(
        "--search-attribute", action="append", default=[], metavar="NAME=TYPE", type=attribute
    )
    result.add_argument("--configuration", help=argparse.SUPPRESS)
    result.add_argument("--background", action="store_true", help=argparse.SUPPRESS)
    return result


def attribute(text: str) -> tuple[str, str]:
    """Parse NAME=TYPE."""
    name, separator, kind = text.partition("=")
    if not (name and separator and kind):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=TYPE")
    return name, kind


def configuration(options: argparse.Namespace) -> StackConfiguration:
    """Build the configuration from the options."""
    if options.configuration is not None:
        return StackConfiguration.from_json(options.configuration)
    ports = {name: getattr(options, f"{name}_port") for name in PortName}
    return StackConfiguration(
        state_directory=options.state_dir or default_state_directory(),
        ports={name: port for name, port in ports.items() if port is not None},
        search_attributes=dict(options.search_attribute),
        graph=GraphOptions(
            profile=options.profile,
            tenants=options.tenants,
            seed=options.seed,
            budget_scale=options.budget_scale,
        ),
    )


def run(options: argparse.Namespace) -> int:
    """Be the supervisor, in a process of its own when it runs in the background."""
    if options.background:
        detach()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    chosen = configuration(options)
    if options.configuration is None:
        chosen = Stack(chosen).configuration
    try:
        Supervisor(chosen).run()
    except AlreadySupervisedError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_ALREADY_SUPERVISED
    return 0


def detach() -> None:
    """Go on as a child in a session of its own; the caller reads its pid and our end.

    A child of the command that starts the stack would be that command's to reap.
    """
    pid = os.fork()
    if pid != 0:
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        os._exit(0)
    os.setsid()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


def start(stack: Stack, *, as_json: bool) -> int:
    """Start in the background and show where everything is."""
    began = time.monotonic()
    state = stack.start()
    show(state, as_json=as_json)
    if not as_json:
        sys.stdout.write(f"ready after {time.monotonic() - began:.1f} s\n")
    return 0


def stop(stack: Stack, *, as_json: bool) -> int:
    """Stop; nothing to stop is no failure."""
    did_run = stack.stop()
    text = (
        json.dumps({"did_run": did_run}) if as_json else "stopped" if did_run else "was not running"
    )
    sys.stdout.write(f"{text}\n")
    return 0


def status(stack: Stack, *, as_json: bool) -> int:
    """Show the state; exit code 1 unless everything runs."""
    state = stack.status()
    show(state, as_json=as_json)
    return 0 if state.is_whole else EXIT_FAILED


def env(stack: Stack, *, as_json: bool) -> int:
    """Print the variables of a running stack."""
    if stack.status().phase is not StackPhase.RUNNING:
        sys.stderr.write("The stack does not run: start it first.\n")
        return EXIT_FAILED
    variables = stack.environment()
    sys.stdout.write(json.dumps(dict(variables)) + "\n" if as_json else variables.as_shell())
    return 0


def show(state: StackState, *, as_json: bool) -> None:
    """Print a state for people, or as JSON; neither holds secrets."""
    if as_json:
        sys.stdout.write(f"{state.to_json()}\n")
        return
    lines = [f"stack      {state.phase}"]
    for name, part in state.parts.items():
        lines.append(f"{name:10} {part.status:9} {part.address or ''}")
        if part.ui_url:
            lines.append(f"{'':10} {'web UI':9} {part.ui_url}")
        if part.error:
            lines.append(f"{'':10} {part.error}")
    if state.error:
        lines.append(state.error)
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
