"""Reading what objects refer to while the lanes still read those objects.

A help to the context, which comes after the lanes and reads what is left: so nothing that happens
here decides anything, and nobody waits for it (decision 0005). Only what types that are done refer
to is read, since they do not change any more in this run.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from domain.resource_types.registry import RESOURCE_TYPES
from graph.errors import GraphCredentialRefusedError, GraphError
from services.backups.capture_records import TypeProgress
from services.backups.type_reading import StepLostError, TypeReading
from services.contents.root_keys import EncryptionKeyUnavailableError
from services.runs.run_errors import NotOwnerError, RunAlreadyClosedError

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0

_TRUE_OF_ALL = (
    GraphCredentialRefusedError,
    NotOwnerError,
    RunAlreadyClosedError,
    EncryptionKeyUnavailableError,
)

ProgressOfRun = Callable[[], Awaitable[Mapping[str, TypeProgress]]]


async def read_early(
    progress_of_run: ProgressOfRun,
    reading_of: Callable[[str], TypeReading],
    *,
    patience_seconds: float,
) -> None:
    """Read what is referred to until the lanes are done, or nothing new comes for some time.

    Raises what is true of all types alike: a refused credential, a run that was lost.
    """
    found_at, known = time.monotonic(), list[str]()
    while time.monotonic() < found_at + patience_seconds:
        progress = await progress_of_run()
        done = [key for key, found in progress.items() if found.is_done]
        ready = {key: found for key, found in progress.items() if _is_ready(found)}
        if not ready or all(key in done or _is_by_reference(key) for key in progress):
            return
        try:
            for key, found in ready.items() if done != known else ():
                if await reading_of(key).read_early(found, done):
                    found_at = time.monotonic()
        except _TRUE_OF_ALL:
            raise
        except (GraphError, StepLostError):
            logger.info("references are left to the context")
            return
        except Exception:
            # A help must not cost the lane that it is a part of.
            logger.exception("reading references early broke")
            return
        known = done
        await asyncio.sleep(PAUSE_SECONDS)


def _is_ready(progress: TypeProgress) -> bool:
    """Whether a type is read by reference and nothing stands against going on with it."""
    is_open = not progress.is_listed and progress.next_attempt_at is None
    return is_open and _is_by_reference(progress.resource_type)


def _is_by_reference(key: str) -> bool:
    # A type of a newer version's run is listed like any other.
    entry = RESOURCE_TYPES.get(key)
    return entry is not None and entry.by_reference
