"""One owner at a time for a directory, by a file lock that dies with its process.

The lock is the truth about whether an owner lives; pid files are only hints.
"""

import fcntl
import os
import time
from pathlib import Path

POLL_SECONDS = 0.02


class DirectoryLock:
    """Exclusive lock of `path`, not inherited by children; releasing removes the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self, *, seconds: float = 0.0) -> bool:
        """Take the lock; False when another owner has it for all of `seconds`."""
        deadline = time.monotonic() + seconds
        while not self._try_to_acquire():
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _try_to_acquire(self) -> bool:
        while self._descriptor is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            if self._is_current(descriptor):
                self._descriptor = descriptor
            else:
                # The former owner removed the file between our open and our lock.
                os.close(descriptor)
        return True

    def release(self) -> None:
        """Give the lock up and remove its file; harmless when it is not held."""
        if self._descriptor is not None:
            if self.is_intact():
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = None

    def is_intact(self) -> bool:
        """Whether we hold the lock and its file is still the one at the path."""
        return self._descriptor is not None and self._is_current(self._descriptor)

    def is_held_by_another(self) -> bool:
        """Whether some other process is the owner now."""
        if self._descriptor is not None or not self._path.exists():
            return False
        is_free = self.acquire()
        self.release()
        return not is_free

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False
