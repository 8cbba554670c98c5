# ruff: noqa: INP001 - a script of the image build, not a package
"""Print the part of a lock file that the product needs at run time, hashes and all.

`requirements.lock` also pins the tools of development. This walks the installed dependencies from
the project's own and keeps the blocks of the lock that are reached. Used by the image build, in an
environment into which the whole lock was installed.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

BLOCK = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==.*(?:\n[ \t]+.*)*", re.MULTILINE)


def main() -> None:
    """Read the lock, write the part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock", type=Path)
    parser.add_argument("project", type=Path, help="pyproject.toml")
    parser.add_argument("--without", action="append", default=[], metavar="NAME")
    options = parser.parse_args()
    project = tomllib.loads(options.project.read_text())["project"]
    left_out = {normalized(name) for name in options.without}
    names = closure(project["dependencies"], left_out)
    sys.stdout.write(select(options.lock.read_text(), names))


def closure(requirements: Iterable[str], left_out: set[str]) -> set[str]:
    """Return the names that are reached from `requirements`, extras and markers respected."""
    open_ones = [Requirement(text) for text in requirements]
    seen: set[tuple[str, str]] = set()
    while open_ones:
        requirement = open_ones.pop()
        name = normalized(requirement.name)
        if name in left_out:
            continue
        for extra in ("", *sorted(requirement.extras)):
            if (name, extra) not in seen:
                seen.add((name, extra))
                open_ones += dependencies(name, extra)
    return {name for name, _ in seen}


def dependencies(name: str, extra: str) -> list[Requirement]:
    """Return what an installed distribution asks for on this machine with one extra, or none."""
    asked = [Requirement(text) for text in distribution(name).requires or ()]
    return [one for one in asked if one.marker is None or one.marker.evaluate({"extra": extra})]


def select(lock: str, names: set[str]) -> str:
    """Return the blocks of the lock with these names; raises LookupError when one is missing."""
    blocks = {normalized(found["name"]): found[0] for found in BLOCK.finditer(lock)}
    if missing := names - blocks.keys():
        raise LookupError(f"not in the lock: {', '.join(sorted(missing))}")
    return "".join(f"{blocks[name]}\n" for name in sorted(names))


def normalized(name: str) -> str:
    """Return the spelling of a name by which distributions are compared."""
    return str(canonicalize_name(name))


if __name__ == "__main__":
    main()
