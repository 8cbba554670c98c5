"""Child side of every launch: ties the process to its parent, drops root where asked, then execs.

Run by path with the standard library alone, so a launch costs some 20 ms. It must import nothing
of the project: what it replaces itself with is not Python.

Arguments: parent pid, death signal number, account (`-` or `mode:uid:gid`), then the command.
"""

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CLONE_NEWUSER = 0x10000000
CAPABILITY_VERSION_3 = 0x20080522
# Either lets an account without rights pass directories that only root may enter.
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CANNOT_LAUNCH = 126


class CapabilityHeader(ctypes.Structure):
    """`__user_cap_header_struct` of capset(2)."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class CapabilitySet(ctypes.Structure):
    """`__user_cap_data_struct` of capset(2): 32 capabilities."""

    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def main(arguments: list[str]) -> None:
    """Become the command; exits 0 quietly when the parent is already gone."""
    parent, death_signal, account, *command = arguments
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        # A shell's background job starts with SIGINT ignored; a server must not inherit that.
        signal.signal(number, signal.SIG_DFL)
    if account != "-":
        mode, uid, gid = account.split(":")
        drop_root(mode, int(uid), int(gid))
    # After the change of credentials: the kernel clears the death signal with each change.
    if sys.platform == "linux":
        libc().prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(0)
    os.execv(command[0], command)  # noqa: S606 - this program exists to start another


def drop_root(mode: str, uid: int, gid: int) -> None:
    """PostgreSQL refuses effective uid 0; see `devstack.accounts` for the modes."""
    if mode == "user_namespace":
        enter_user_namespace(uid, gid)
    elif mode == "account_with_search":
        become_account_with_search(uid, gid)
    else:
        become_account(uid, gid)


def enter_user_namespace(uid: int, gid: int) -> None:
    """Root stays the owner of its files outside and is an ordinary uid inside."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    check(libc().unshare(CLONE_NEWUSER))
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{uid} {outer_uid} 1")
    write("/proc/self/gid_map", f"{gid} {outer_gid} 1")


def become_account(uid: int, gid: int) -> None:
    """Give up root for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def become_account_with_search(uid: int, gid: int) -> None:
    """Give up root, but keep the right to enter directories, across the exec."""
    check(libc().prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    become_account(uid, gid)
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        with contextlib.suppress(OSError):
            keep_capability(capability)
            return
    raise PermissionError("neither CAP_DAC_READ_SEARCH nor CAP_DAC_OVERRIDE can be kept")


def keep_capability(capability: int) -> None:
    """Reduce the process to one capability that exec keeps (an ambient one)."""
    bits = 1 << capability
    header = CapabilityHeader(CAPABILITY_VERSION_3, 0)
    sets = (CapabilitySet * 2)(CapabilitySet(bits, bits, bits), CapabilitySet(0, 0, 0))
    check(libc().capset(ctypes.byref(header), sets))
    check(libc().prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def write(path: str, text: str) -> None:
    """Write a kernel file in one call, as the maps demand."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def libc() -> ctypes.CDLL:
    """Return the C library of this process."""
    return ctypes.CDLL(None, use_errno=True)


def check(result: int) -> None:
    """Raise OSError for a failed system call."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.stderr.write(f"cannot launch {sys.argv[4]}: {error}\n")
        sys.exit(CANNOT_LAUNCH)
