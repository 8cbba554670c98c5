"""The one MetaData of the product, its naming convention and the column shapes that recur."""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    MetaData,
    Uuid,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def id_column() -> Column[object]:
    """Primary key; a UUIDv7 made by the product, so that rows sort by creation."""
    return Column("id", Uuid, primary_key=True)


def workspace_column() -> Column[object]:
    """Owner of the row (D15); every tenant-owned row carries it."""
    return Column("workspace_id", Uuid, ForeignKey("workspaces.id"), nullable=False)


def bound_workspace_column() -> Column[object]:
    """Owner of the row in a table that grows with every version of an object.

    `tenant_owner()` implies the key to the workspace, and a second one would be checked row by row
    (decision 0005).
    """
    return Column("workspace_id", Uuid, nullable=False)


def tenant_column(*, nullable: bool = False) -> Column[object]:
    """Tenant of the row; the table adds `tenant_owner()` to bind it to the workspace."""
    return Column("tenant_id", Uuid, nullable=nullable)


def tenant_owner() -> ForeignKeyConstraint:
    """Composite foreign key: a tenant of another workspace is refused (behaviour row 18)."""
    return ForeignKeyConstraint(
        ["tenant_id", "workspace_id"], ["tenants.id", "tenants.workspace_id"]
    )


def moment(name: str, *, nullable: bool = True, default_now: bool = False) -> Column[object]:
    """A `timestamptz`, UTC by convention."""
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable,
        server_default=text("now()") if default_now else None,
    )


def one_of(column: str, values: type[StrEnum] | Iterable[str], name: str) -> CheckConstraint:
    """Check constraint that admits the values of a domain enum only."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)
