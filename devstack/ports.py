"""TCP ports on loopback: free ones, and a clear word about taken ones."""

import errno
import socket

LOOPBACK = "127.0.0.1"
PORTS_TRIED = 50


class PortTakenError(RuntimeError):
    """A port that was asked for by number is in use; the message names the mend."""


def is_port_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # Servers set this too: a port in TIME_WAIT is free to them.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
        return True


def any_free_port() -> int:
    """Pick a port that nobody listens on, chosen by the system."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def choose_port(preferred: int, *, taken: frozenset[int] = frozenset()) -> int:
    """Pick `preferred` or the next free one above it, outside `taken`; 0 means any."""
    if preferred == 0:
        return any_free_port()
    for port in range(preferred, min(preferred + PORTS_TRIED, 65536)):
        if port not in taken and is_port_free(port):
            return port
    return any_free_port()


def require_port(port: int, *, purpose: str, mend: str) -> int:
    """Return `port` itself, or raise PortTakenError naming it, its purpose and the mend."""
    if is_port_free(port):
        return port
    raise PortTakenError(f"Port {port} for {purpose} is taken. {mend}")


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0
