"""Request budgets of Microsoft Graph, shared by every process of the system (D10)."""

from sqlalchemy import BigInteger, Column, Double, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from storage.tables.metadata import metadata, moment

graph_budgets = Table(
    "graph_budgets",
    metadata,
    Column("app_id", Text, nullable=False),
    Column("entra_tenant_id", Text, nullable=False),
    Column("service_area", Text, nullable=False),
    # `read` or `write`.
    Column("kind", Text, nullable=False),
    # Units leased in slot number `slot` (whole `slot_seconds` since the epoch) and in those before
    # it, newest first.
    Column("slot", BigInteger, nullable=False),
    Column("slot_seconds", Double, nullable=False),
    Column("taken", ARRAY(Integer), nullable=False),
    # Part of the bounds in use at `paced_at`: 1 unless Graph throttled.
    Column("pace", Double, nullable=False),
    moment("paced_at", nullable=False),
    # No request before then: what Graph last asked for.
    moment("blocked_until"),
    moment("throttled_at"),
    PrimaryKeyConstraint("app_id", "entra_tenant_id", "service_area", "kind"),
)
