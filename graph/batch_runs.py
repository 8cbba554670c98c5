"""A batch from first send to last result: which items are asked again, and when.

Owns the state of at most twenty requests. The client sends and sleeps; this decides. Only failed
items are repeated, after the largest `Retry-After` among them (api.md d.3); pages of collections
are followed in the same batches; nothing is ever dropped without an error.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import cast

from domain.provider_errors import Disposition, ProviderReason, RequestTarget
from domain.resource_types.shape import ServiceArea
from graph.batching import BatchRequest, BatchResult, ItemAnswer, pack_batch, read_batch
from graph.calls import Call, item_error
from graph.errors import GraphError, GraphProtocolError, protocol_error, settled, throttled_error
from graph.json_bodies import JsonValue
from graph.links import below_version
from graph.paging import NEXT_LINK, JsonObject, next_link_of
from graph.request_costs import request_cost
from graph.retry import RetryBudget, parse_retry_after

_RESTARTS = 2
# Collections of one object: a hostile or broken service must not fill the memory.
_LONGEST_COLLECTION_PAGES = 1_000


class _Step(Enum):
    DONE = auto()  # has its result
    MORE = auto()  # ask again at once: next page, new token, restarted collection
    LATER = auto()  # ask again after a wait


@dataclass(slots=True)
class _Item:
    request: BatchRequest
    path: str
    values: list[JsonValue] = field(default_factory=list)
    first_page: JsonObject | None = None
    seen: set[str] = field(default_factory=set)
    restarts: int = 0
    had_new_token: bool = False
    error: GraphError | None = None
    retry_after: float | None = None
    result: BatchResult | None = None

    @property
    def target(self) -> RequestTarget:
        return self.request.target if self.first_page is None else RequestTarget.CONTINUATION

    def finish(self, body: JsonObject | None, error: GraphError | None = None) -> _Step:
        self.result = BatchResult(self.request, body, error)
        return _Step.DONE

    def restart(self) -> _Step:
        self.path, self.values, self.first_page = self.request.path, [], None
        self.seen.clear()
        self.restarts += 1
        return _Step.MORE


class BatchRun:
    """Requests of one service area on their way. Not shared between tasks."""

    def __init__(
        self,
        *,
        version: str,
        graph_root: str,
        requests: list[BatchRequest],
        budget: RetryBudget,
    ) -> None:
        self._version = version
        self._root = graph_root
        self._items = {
            str(place): _Item(request, request.path) for place, request in enumerate(requests)
        }
        self._budget = budget
        self._refused = False

    @property
    def is_open(self) -> bool:
        """Whether an item still lacks its result."""
        return any(item.result is None for item in self._items.values())

    @property
    def refuses_token(self) -> bool:
        """Whether the last answer refused the token of an item for the first time."""
        return self._refused

    def next_call(self, area: ServiceArea, headers: dict[str, str]) -> Call:
        """Return the batch call for all open items."""
        paths = {key: item.path for key, item in self._open().items()}
        return Call(
            method="POST",
            link=f"/{self._version}/$batch",
            target=RequestTarget.COLLECTION,
            area=area,
            cost=sum(request_cost(area, path) for path in paths.values()),
            body=pack_batch(paths, headers),
            is_batch=True,
        )

    def accept(self, body: JsonObject, now: datetime) -> float | None:
        """Take an answer in; return the seconds to wait before the next call, null for none."""
        open_items = self._open()
        answers = self._answers(body, frozenset(open_items))
        self._refused = False
        later = [
            item
            for key, item in open_items.items()
            if self._take(item, answers.get(key), now) is _Step.LATER
        ]
        if not later:
            return None
        wishes = [item.retry_after for item in later if item.retry_after is not None]
        return self._budget.next_wait(max(wishes, default=None), is_throttled=self.is_throttled)

    @property
    def is_throttled(self) -> bool:
        """Whether an open item was answered with 429."""
        return any(
            item.error is not None and item.error.reason_code is ProviderReason.THROTTLED
            for item in self._open().values()
        )

    async def wait(self, seconds: float) -> None:
        """Wait before the next call, or end: raise GraphThrottledError if any item is throttled.

        Items that failed otherwise get their last error as their result.
        """
        throttled = self.is_throttled
        if self._budget.allows(seconds) and (throttled or not self._budget.is_exhausted):
            await self._budget.sleep(seconds)
            return
        if throttled:
            raise throttled_error(seconds)
        for item in self._open().values():
            if item.error is not None:
                item.finish(None, item.error)

    def results(self) -> list[BatchResult]:
        """Return the results in the order of the requests."""
        return [cast("BatchResult", item.result) for item in self._items.values()]

    def _open(self) -> dict[str, _Item]:
        return {key: item for key, item in self._items.items() if item.result is None}

    def _answers(self, body: JsonObject, expected: frozenset[str]) -> dict[str, ItemAnswer]:
        try:
            return read_batch(body, expected)
        except GraphProtocolError:
            return {}

    def _take(self, item: _Item, answer: ItemAnswer | None, now: datetime) -> _Step:
        item.error = item.retry_after = None
        if answer is None:
            item.error = protocol_error("batch_item_unanswered")
            return _Step.LATER
        if not 200 <= answer.status < 300:
            return self._take_failure(item, answer, now)
        if answer.status == 204 and answer.body is None:
            return item.finish(None)
        if not isinstance(answer.body, dict):
            # A gateway's page in place of the answer: it may be whole the next time.
            item.error = protocol_error("batch_item_not_an_object")
            return _Step.LATER
        try:
            return self._take_page(item, answer.body)
        except GraphProtocolError as error:
            return item.finish(None, error)

    def _take_page(self, item: _Item, body: JsonObject) -> _Step:
        link = next_link_of(body, self._root, self._version)
        if item.first_page is None and link is None:
            return item.finish(body)
        value = body.get("value")
        if not isinstance(value, list):
            raise protocol_error("not_a_collection")
        item.first_page = item.first_page or body
        item.values.extend(value)
        if link is not None:
            item.seen.add(item.path)
            item.path = below_version(link)
            if item.path in item.seen or len(item.seen) > _LONGEST_COLLECTION_PAGES:
                raise protocol_error("endless_listing")
            return _Step.MORE
        whole = {name: part for name, part in item.first_page.items() if name != NEXT_LINK}
        return item.finish({**whole, "value": item.values})

    def _take_failure(self, item: _Item, answer: ItemAnswer, now: datetime) -> _Step:
        error = item_error(f"/{self._version}{item.path}", item.target, answer)
        match error.disposition:
            case Disposition.REFRESH_TOKEN if not item.had_new_token:
                item.had_new_token = self._refused = True
                return _Step.MORE
            case Disposition.RESTART_LISTING if item.first_page and item.restarts < _RESTARTS:
                return item.restart()
            case Disposition.RETRYABLE:
                item.error = error
                item.retry_after = parse_retry_after(answer.headers.get("retry-after"), now)
                return _Step.LATER
            case _:
                return item.finish(None, settled(error))
