"""Ends a process without CPython's teardown, which Temporal's client does not always survive.

The client's native threads may touch the interpreter while it is taken down, and then the process
aborts with signal 6 after its work was done (temporalio/sdk-python issue 300, Python < 3.14). So
the entry points end here, once everything is closed and written.
"""

import logging
import os
import sys
from collections.abc import Callable
from typing import NoReturn

_INTERRUPTED = 130  # as a shell reports SIGINT


def run_and_exit(program: Callable[[], object]) -> NoReturn:
    """Run a program and end the process with its exit code, as the interpreter would have.

    Texts of `SystemExit` and tracebacks go to stderr. Functions of `atexit` are not called.
    """
    code = _exit_code(program)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # whoever read the output is gone
            code = code or 1
    os._exit(code)


def _exit_code(program: Callable[[], object]) -> int:
    try:
        program()
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        sys.stderr.write(f"{leaving.code}\n")
        return 1
    except BaseException as error:  # noqa: BLE001 - the interpreter's own last resort
        sys.excepthook(type(error), error, error.__traceback__)
        return _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0
