"""Reading audit events of one window of time, page by page.

Owns the two requests (endpoints row `auditEvents`; `directoryAudits`). No page has a durable
cursor: a window is small, and what of it was stored is not harmed by reading it again.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from domain.audit_events import DIRECTORY_CATEGORIES, EventSource
from graph.client import GraphClient
from graph.links import with_query
from graph.paging import JsonObject

_INTUNE_SELECT = (
    "id,actor,activityDateTime,activityType,activityOperationType,activityResult,resources"
)
_PATHS = {
    EventSource.INTUNE: "/deviceManagement/auditEvents",
    EventSource.DIRECTORY: "/auditLogs/directoryAudits",
}


async def audit_event_pages(
    client: GraphClient, source: EventSource, window: tuple[datetime, datetime]
) -> AsyncIterator[list[JsonObject]]:
    """Yield the events of a window [from, until], in no order. Raises GraphError."""
    path = with_query(_PATHS[source], _query(source, window))
    async for page in client.pages("v1.0", path):
        yield page.items


def _query(source: EventSource, window: tuple[datetime, datetime]) -> str:
    since, until = (graph_moment(moment) for moment in window)
    times = f"activityDateTime ge {since} and activityDateTime le {until}"
    if source is EventSource.INTUNE:
        reads = "activityOperationType ne 'Get'"
        order = "$orderby=activityDateTime desc"
        return f"$filter={times} and {reads}&$select={_INTUNE_SELECT}&{order}"
    categories = " or ".join(f"category eq '{category}'" for category in DIRECTORY_CATEGORIES)
    return f"$filter={times} and ({categories})&$top=999"


def graph_moment(moment: datetime) -> str:
    """Return a moment as Graph writes it: seven decimals and `Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"
