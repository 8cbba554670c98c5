"""Which account PostgreSQL runs under when the stack runs as root; it refuses uid 0 (initdb too).

Three ways, tried in this order because each asks less of the machine's directories than of its
security: a user namespace (files stay root's, nothing is chowned), an unprivileged account, and
that account with the single capability to enter directories that only root may enter.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from devstack.processes import launch_command


class AccountError(RuntimeError):
    """Running as root, and no way to run a server as somebody else here."""


class AccountMode(StrEnum):
    """How root is given up; the launcher implements each."""

    # One uid of a new user namespace is mapped onto root: needs no rights on directories.
    USER_NAMESPACE = "user_namespace"
    # setuid: the account must be able to enter every directory on the way.
    ACCOUNT = "account"
    # setuid, keeping CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE: passes root's directories.
    ACCOUNT_WITH_SEARCH = "account_with_search"


@dataclass(frozen=True)
class Account:
    """An unprivileged account: its mode, and uid and gid as the server sees them."""

    mode: AccountMode
    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.mode}:{self.uid}:{self.gid}"

    @property
    def owner(self) -> tuple[int, int]:
        """Uid and gid that the server's files must have on disk."""
        if self.mode is AccountMode.USER_NAMESPACE:
            return os.geteuid(), os.getegid()
        return self.uid, self.gid


def server_account(program: Path, directory: Path) -> Account | None:
    """Account under which `program` runs and uses `directory`; None means as we are (not root).

    Each way is tried for real, with the owner of `directory` changed to suit; AccountError says
    what to mend when none works.
    """
    if os.geteuid() != 0:
        return None
    entry = unprivileged_entry()
    for mode in AccountMode:
        account = Account(mode, entry.pw_uid, entry.pw_gid)
        give_ownership(directory, account)
        if _works(account, program, directory):
            return account
    raise AccountError(
        f"PostgreSQL does not run as root, and {entry.pw_name} may not enter {directory}. "
        "Run as an ordinary user, or move the checkout below a directory that others may enter."
    )


def unprivileged_entry() -> pwd.struct_passwd:
    """Account that owns nothing else: nobody, else any that is not root (initdb wants a name)."""
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        return next(entry for entry in pwd.getpwall() if entry.pw_uid != 0)


def give_ownership(directory: Path, account: Account | None) -> None:
    """Make the account the owner of everything below `directory`; unchanged when it already is."""
    if account is None or _owner(directory) == account.owner:
        return
    for path in [directory, *directory.rglob("*")]:
        os.chown(path, *account.owner, follow_symlinks=False)


def _owner(directory: Path) -> tuple[int, int]:
    status = directory.stat()
    return status.st_uid, status.st_gid


def _works(account: Account, program: Path, directory: Path) -> bool:
    script = 'cd "$1" && test -w . && exec "$2" --version'
    command = ["/bin/sh", "-c", script, "sh", str(directory), str(program)]
    result = subprocess.run(
        launch_command(command, account=str(account)),
        cwd="/",
        capture_output=True,
        check=False,
    )
    return result.returncode == 0 and bool(result.stdout)
