"""How the worker's process gives memory back to the system.

A backup reads bodies of a page at a time and drops them. glibc keeps what was freed for the thread
that had it, and raises by itself the size from which blocks go back at once: a large tenant would
leave tens of megabytes behind for as long as the worker lives. Other C libraries are left as they
are.
"""

import ctypes
import sys

# Numbers of mallopt(3).
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_ARENA_MAX = -8

_SETTINGS = {
    # Bodies of pages and their buffers get pages of their own, which are returned when freed.
    _MMAP_THRESHOLD: 64 * 1024,
    _TRIM_THRESHOLD: 128 * 1024,
    # Threads share what they free: those that hash and seal take turns with the event loop.
    _ARENA_MAX: 2,
}


def return_freed_memory() -> bool:
    """Let freed memory go back to the system soon; False where that cannot be set."""
    if not sys.platform.startswith("linux"):
        return False
    # Absent from musl.
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return False
    return all(set_option(name, value) == 1 for name, value in _SETTINGS.items())
