"""Sliding windows of `graph_budgets`: leased from and closed by one statement each (D10).

All times are PostgreSQL's, so processes on machines with different clocks share one budget. What
the numbers should be is decided by `services.connections.graph_budgets` (decision 0009).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from storage.statements import fetch_alone


@dataclass(frozen=True, slots=True)
class WindowKey:
    """Primary key of a budget."""

    app_id: str
    entra_tenant_id: str
    service_area: str
    kind: str


@dataclass(frozen=True, slots=True)
class WindowShape:
    """How much may be leased within how many slots, the one of now included.

    `lengths` grow up to the whole window, `most` are the units for each. After throttling the pace
    is halved, at most once in `halving_pause` seconds and down to `slowest`; it comes back to 1
    within `recovery` seconds.
    """

    slot_seconds: float
    lengths: Sequence[int]
    most: Sequence[int]
    slowest: float
    halving_pause: float
    recovery: float

    @property
    def rate(self) -> float:
        """Units a second in the long run."""
        return self.most[-1] / (self.lengths[-1] * self.slot_seconds)


@dataclass(frozen=True, slots=True)
class Taken:
    """Units that were leased in a slot, or the seconds after which to ask again."""

    granted: int
    retry_after: float
    slot: int


@dataclass(frozen=True, slots=True)
class Returned:
    """Units that were leased in a slot and will not be used."""

    units: int
    slot: int


# `clock_timestamp` is read after the row is locked: waiting must not make units. Slots that cannot
# be compared (of another length, or far ahead after a clock was set back) count as taken just now.
# What is given back leaves the slot that it was taken in, if that still counts.
_TAKE: Final = """
WITH locked AS (
    SELECT * FROM graph_budgets
    WHERE app_id = $1 AND entra_tenant_id = $2 AND service_area = $3 AND kind = $4
    FOR UPDATE
), seen AS (
    SELECT locked.*, clock_timestamp() AS moment FROM locked
), aged AS (
    SELECT seen.*, floor(extract(epoch FROM moment) / $6::float8)::bigint AS present,
        extract(epoch FROM moment - paced_at)::float8 AS since
    FROM seen
), placed AS (
    SELECT aged.*, least(1, pace + greatest(0, since) / $10::float8) AS new_pace,
        slot_seconds = $6 AND present > slot - $7::int AS is_comparable,
        CASE WHEN slot_seconds = $6 AND present > slot - $7 THEN greatest(present, slot)
            ELSE present END AS new_slot
    FROM aged
), aligned AS (
    SELECT placed.*, greatest(0, least(new_slot - $14::bigint + 1, $7 + 1))::int AS place, CASE
        WHEN is_comparable
            THEN (array_fill(0, ARRAY[least(new_slot - slot, $7)::int]) || taken)[1:$7]
        ELSE ARRAY[(SELECT sum(units) FROM unnest(taken) AS units)::int] END AS counted
    FROM placed
), held AS (
    SELECT aligned.*, CASE
        WHEN $13::int > 0 AND is_comparable AND place BETWEEN 1 AND cardinality(counted)
            THEN counted[1:place - 1] || greatest(counted[place] - $13, 0) || counted[place + 1:]
        ELSE counted END AS used
    FROM aligned
), bounded AS (
    SELECT held.*, bounds.lengths, bounds.most,
        -- Blocks below a quarter of a second's worth would cost a statement for every request.
        least($5::int, greatest(1, floor($11::float8 * new_pace * 0.25))) AS least_block
    FROM held CROSS JOIN LATERAL (
        SELECT $8::int[] AS lengths, array_agg(
            greatest(1, floor(units * new_pace))::int ORDER BY place
        ) AS most
        FROM unnest($9::int[]) WITH ORDINALITY AS bound (units, place)
    ) AS bounds
), judged AS (
    SELECT bounded.*, (
        SELECT min(units - (SELECT coalesce(sum(one), 0) FROM unnest(used[1:length]) AS one))
        FROM unnest(lengths, most) AS bound (length, units)
    ) AS free
    FROM bounded
), decided AS (
    SELECT judged.*, CASE WHEN blocked_until > moment OR free < least_block THEN 0
        ELSE least(free, $5) END::int AS granted
    FROM judged
), written AS (
    UPDATE graph_budgets AS budget SET
        slot = new_slot, slot_seconds = $6, pace = new_pace, paced_at = moment,
        taken = (decided.used[1] + decided.granted) || decided.used[2:],
        -- Less than one unit a window: the windows are stretched instead.
        blocked_until = CASE WHEN decided.granted > 0 AND $12::int * new_pace < 1
            THEN moment + make_interval(secs => $12 / ($11 * new_pace))
            ELSE budget.blocked_until END
    FROM decided
    WHERE (decided.granted > 0 OR $13 > 0)
        AND budget.app_id = decided.app_id AND budget.entra_tenant_id = decided.entra_tenant_id
        AND budget.service_area = decided.service_area AND budget.kind = decided.kind
)
SELECT granted, new_slot AS slot, CASE WHEN granted > 0 THEN 0::float8 ELSE greatest(
    0.001,
    extract(epoch FROM blocked_until - moment)::float8,
    CASE WHEN free < least_block THEN (
        SELECT (new_slot + min(later)) * $6 - extract(epoch FROM moment)::float8
        FROM generate_series(1, $7) AS later
        WHERE NOT EXISTS (
            SELECT FROM unnest(lengths, most) AS bound (length, units)
            WHERE units - least_block < (
                SELECT coalesce(sum(one), 0) FROM unnest(used[1:length - later]) AS one
            )
        )
    ) END
) END AS retry_after
FROM decided
"""

_OPEN: Final = """
INSERT INTO graph_budgets (
    app_id, entra_tenant_id, service_area, kind, slot, slot_seconds, taken, pace, paced_at
)
VALUES (
    $1, $2, $3, $4, floor(extract(epoch FROM clock_timestamp()) / $5::float8)::bigint, $5, '{0}', 1,
    clock_timestamp()
)
ON CONFLICT DO NOTHING
"""

# Many requests are in flight when the first is throttled: their answers count as one.
_CLOSE: Final = """
WITH locked AS (
    SELECT * FROM graph_budgets
    WHERE app_id = $1 AND entra_tenant_id = $2 AND service_area = $3 AND kind = $4
    FOR UPDATE
), seen AS (
    SELECT locked.*, clock_timestamp() AS moment FROM locked
), judged AS (
    SELECT seen.*, throttled_at IS NULL
        OR throttled_at <= moment - make_interval(secs => $6::float8) AS is_new
    FROM seen
)
UPDATE graph_budgets AS budget SET
    pace = CASE WHEN is_new THEN greatest(judged.pace / 2, $7::float8) ELSE judged.pace END,
    paced_at = judged.moment,
    throttled_at = CASE WHEN is_new THEN judged.moment ELSE judged.throttled_at END,
    blocked_until = greatest(
        judged.blocked_until, judged.moment + make_interval(secs => $5::float8))
FROM judged
WHERE budget.app_id = judged.app_id AND budget.entra_tenant_id = judged.entra_tenant_id
    AND budget.service_area = judged.service_area AND budget.kind = judged.kind
"""


async def take_units(
    engine: AsyncEngine, key: WindowKey, shape: WindowShape, wanted: int, returned: Returned
) -> Taken | None:
    """Take `returned` back and lease up to `wanted` units; None if it was never opened."""
    rows = await fetch_alone(
        engine,
        _TAKE,
        *_of(key),
        wanted,
        shape.slot_seconds,
        shape.lengths[-1],
        list(shape.lengths),
        list(shape.most),
        shape.recovery,
        shape.rate,
        shape.most[-1],
        returned.units,
        returned.slot,
    )
    return Taken(**rows[0]) if rows else None


async def open_window(engine: AsyncEngine, key: WindowKey, shape: WindowShape) -> None:
    """Make an unused budget, unless there is one."""
    await fetch_alone(engine, _OPEN, *_of(key), shape.slot_seconds)


async def close_window(
    engine: AsyncEngine, key: WindowKey, shape: WindowShape, retry_after: float
) -> None:
    """Close a budget for `retry_after` seconds and slow it down."""
    await fetch_alone(engine, _CLOSE, *_of(key), retry_after, shape.halving_pause, shape.slowest)


def _of(key: WindowKey) -> tuple[str, str, str, str]:
    return key.app_id, key.entra_tenant_id, key.service_area, key.kind
