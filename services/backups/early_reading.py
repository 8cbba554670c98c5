"""Reading what objects refer to while the lanes still read those objects.

A help to the context, which comes after the lanes and reads what is left: so nothing that happens
here decides anything, and nobody waits for it (decision 0005). Read is what types that are done
refer to, since they do not change any more in this run; while none gets done, what the steps of the
others refer to: a type that its limit holds up would leave all of that to the end.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from domain.resource_types.registry import is_by_reference
from graph.errors import GraphCredentialRefusedError, GraphError
from services.backups.capture_records import ReferenceSources, StepsFrom, TypeProgress
from services.backups.type_reading import StepLostError, TypeReading
from services.contents.root_keys import EncryptionKeyUnavailableError
from services.runs.run_errors import NotOwnerError, RunAlreadyClosedError

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
# With so few types left the end is near, and the context waits until it is seen here.
FEW_TYPES = 2
SHORT_PAUSE_SECONDS = 0.25

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
    found_at, looked = time.monotonic(), _Looked()
    while time.monotonic() < found_at + patience_seconds:
        progress = await progress_of_run()
        ready = {key: found for key, found in progress.items() if _is_ready(found)}
        sources = [found for key, found in progress.items() if not is_by_reference(key)]
        if not ready or all(source.is_done for source in sources):
            return
        new = looked.new(sources)
        try:
            if new is not None and await _read(ready, new, reading_of):
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
        left = sum(not source.is_done for source in sources)
        await asyncio.sleep(SHORT_PAUSE_SECONDS if left <= FEW_TYPES else PAUSE_SECONDS)


async def _read(
    ready: Mapping[str, TypeProgress],
    new: ReferenceSources,
    reading_of: Callable[[str], TypeReading],
) -> bool:
    """Tell whether there was anything to read."""
    counts = [await reading_of(key).read_early(found, new) for key, found in ready.items()]
    return any(counts)


class _Looked:
    """What was looked at before, so that nobody asks PostgreSQL for nothing."""

    def __init__(self) -> None:
        self._done = list[str]()
        self._steps = dict[str, StepsFrom]()

    def new(self, sources: Sequence[TypeProgress]) -> ReferenceSources | None:
        """Return what came since the last look; types that are done go first."""
        done = [source.resource_type for source in sources if source.is_done]
        if done != self._done:
            self._done = done
            return ReferenceSources(types=done)
        reached = {s.resource_type: StepsFrom(s.resource_type, s.epoch, s.page) for s in sources}
        new = [self._since(place) for key, place in reached.items() if key not in done]
        self._steps = reached
        steps = [place for place in new if place is not None]
        return ReferenceSources(steps=steps) if steps else None

    def _since(self, reached: StepsFrom) -> StepsFrom | None:
        """Return the steps of a type that were not looked at, if there are any."""
        begin = StepsFrom(reached.resource_type, reached.epoch, 0)
        last = self._steps.get(reached.resource_type, begin)
        since = last if last.epoch == reached.epoch else begin
        return since if since.page < reached.page else None


def _is_ready(progress: TypeProgress) -> bool:
    """Whether a type is read by reference and nothing stands against going on with it."""
    is_open = not progress.is_listed and progress.next_attempt_at is None
    return is_open and is_by_reference(progress.resource_type)
