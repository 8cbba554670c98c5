"""Request budgets of Microsoft Graph, shared by every process of the system (D10)."""

from sqlalchemy import Column, Double, PrimaryKeyConstraint, Table, Text

from storage.tables.metadata import metadata, moment

graph_budgets = Table(
    "graph_budgets",
    metadata,
    Column("app_id", Text, nullable=False),
    Column("entra_tenant_id", Text, nullable=False),
    Column("service_area", Text, nullable=False),
    # `read` or `write`.
    Column("kind", Text, nullable=False),
    # Tokens at `refilled_at`; refilled at `rate` a second, up to `capacity`.
    Column("tokens", Double, nullable=False),
    Column("rate", Double, nullable=False),
    Column("capacity", Double, nullable=False),
    moment("refilled_at", nullable=False),
    # No request before then: what Graph last asked for.
    moment("blocked_until"),
    moment("throttled_at"),
    PrimaryKeyConstraint("app_id", "entra_tenant_id", "service_area", "kind"),
)
