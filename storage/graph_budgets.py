"""Token buckets of `graph_budgets`: taken from and closed by one statement each (D10).

All times are PostgreSQL's, so processes on machines with different clocks share one bucket. What
the numbers should be is decided by `services.connections.graph_budgets`.
"""

from dataclasses import asdict, dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class BucketKey:
    """Primary key of a bucket."""

    app_id: str
    entra_tenant_id: str
    service_area: str
    kind: str


@dataclass(frozen=True, slots=True)
class BucketShape:
    """How a bucket fills: `rate` tokens a second up to `capacity`.

    After throttling the rate is halved, at most once in `halving_pause` seconds and down to
    `slowest_rate`; it comes back to `rate` within `recovery` seconds.
    """

    rate: float
    capacity: float
    slowest_rate: float
    halving_pause: float
    recovery: float


@dataclass(frozen=True, slots=True)
class Taken:
    """Tokens that were taken, or the seconds after which to ask again."""

    granted: int
    retry_after: float


# A row of another shape (the settings were changed) starts over at the full rate of the new one.
# `clock_timestamp` is read after the row is locked: waiting must not make tokens.
_TAKE = text("""
WITH locked AS (
    SELECT * FROM graph_budgets
    WHERE app_id = :app_id AND entra_tenant_id = :entra_tenant_id
      AND service_area = :service_area AND kind = :kind
    FOR UPDATE
), seen AS (
    SELECT locked.*, clock_timestamp() AS moment,
        CASE WHEN capacity = :capacity THEN rate ELSE CAST(:rate AS double precision) END AS base
    FROM locked
), filled AS (
    SELECT seen.*,
        least(:rate, base + elapsed * :rate / :recovery) AS new_rate,
        least(:capacity, tokens + elapsed * base) AS available
    FROM seen CROSS JOIN LATERAL (
        SELECT greatest(0, extract(epoch FROM moment - refilled_at)::double precision) AS elapsed
    ) AS times
), wished AS (
    -- Blocks below a quarter of a second's worth would cost a statement for every request.
    SELECT filled.*,
        least(CAST(:wanted AS double precision), greatest(1, floor(new_rate * 0.25))) AS least_block
    FROM filled
), decided AS (
    SELECT wished.*,
        CASE WHEN blocked_until > moment OR available < least_block THEN 0
             ELSE least(floor(available), CAST(:wanted AS double precision)) END AS granted
    FROM wished
), written AS (
    UPDATE graph_budgets AS bucket
    SET tokens = decided.available - decided.granted, rate = decided.new_rate,
        capacity = :capacity, refilled_at = decided.moment
    FROM decided
    WHERE decided.granted > 0
      AND bucket.app_id = decided.app_id AND bucket.entra_tenant_id = decided.entra_tenant_id
      AND bucket.service_area = decided.service_area AND bucket.kind = decided.kind
)
SELECT granted::integer AS granted,
    CASE WHEN granted > 0 THEN 0
         ELSE greatest(
             coalesce(extract(epoch FROM blocked_until - moment)::double precision, 0),
             (least_block - available) / new_rate,
             0.001) END AS retry_after
FROM decided
""")

_OPEN = text("""
INSERT INTO graph_budgets (app_id, entra_tenant_id, service_area, kind,
                           tokens, rate, capacity, refilled_at)
VALUES (:app_id, :entra_tenant_id, :service_area, :kind,
        :capacity, :rate, :capacity, clock_timestamp())
ON CONFLICT DO NOTHING
""")

# Many requests are in flight when the first is throttled: their answers count as one.
_CLOSE = text("""
WITH locked AS (
    SELECT * FROM graph_budgets
    WHERE app_id = :app_id AND entra_tenant_id = :entra_tenant_id
      AND service_area = :service_area AND kind = :kind
    FOR UPDATE
), seen AS (
    SELECT locked.*, clock_timestamp() AS moment FROM locked
), judged AS (
    SELECT seen.*,
        throttled_at IS NULL
        OR throttled_at <= moment - make_interval(secs => :halving_pause) AS is_new
    FROM seen
)
UPDATE graph_budgets AS bucket
SET tokens = 0, refilled_at = judged.moment,
    rate = CASE WHEN is_new THEN greatest(judged.rate / 2, :slowest_rate) ELSE judged.rate END,
    throttled_at = CASE WHEN is_new THEN judged.moment ELSE judged.throttled_at END,
    blocked_until = greatest(
        judged.blocked_until, judged.moment + make_interval(secs => :retry_after))
FROM judged
WHERE bucket.app_id = judged.app_id AND bucket.entra_tenant_id = judged.entra_tenant_id
  AND bucket.service_area = judged.service_area AND bucket.kind = judged.kind
""")


async def take_tokens(
    connection: AsyncConnection, key: BucketKey, shape: BucketShape, wanted: int
) -> Taken | None:
    """Take up to `wanted` tokens; None if the bucket was never opened."""
    values = asdict(key) | {
        "wanted": wanted,
        "rate": shape.rate,
        "capacity": shape.capacity,
        "recovery": shape.recovery,
    }
    row = (await connection.execute(_TAKE, values)).one_or_none()
    return None if row is None else Taken(row.granted, row.retry_after)


async def open_bucket(connection: AsyncConnection, key: BucketKey, shape: BucketShape) -> None:
    """Make a full bucket, unless there is one."""
    values = asdict(key) | {"rate": shape.rate, "capacity": shape.capacity}
    await connection.execute(_OPEN, values)


async def close_bucket(
    connection: AsyncConnection, key: BucketKey, shape: BucketShape, retry_after: float
) -> None:
    """Empty a bucket, close it for `retry_after` seconds and slow it down."""
    values = asdict(key) | {
        "retry_after": retry_after,
        "halving_pause": shape.halving_pause,
        "slowest_rate": shape.slowest_rate,
    }
    await connection.execute(_CLOSE, values)
