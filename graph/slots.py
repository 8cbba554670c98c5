"""Slots: how many requests of one client are on their way at once, in each service area apart.

A slot is taken before the budget, so that nothing holds budget that cannot be sent. What waits for
budget holds a slot, and for that reason areas share none: one request a second of conditional
access must not keep Intune waiting.
"""

import asyncio

from domain.resource_types.shape import ServiceArea
from graph.request_costs import most_at_once


class AreaSlots:
    """The slots of one client: `most` in each area, or what a second of its limit allows."""

    def __init__(self, most: int) -> None:
        self._slots = {
            area: asyncio.Semaphore(min(most, most_at_once(area))) for area in ServiceArea
        }

    def of(self, area: ServiceArea) -> asyncio.Semaphore:
        """Return the slots of an area, to be entered; those who wait come in turn."""
        return self._slots[area]
