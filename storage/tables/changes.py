"""Who changed what, where Graph's audit events may be read (decision 0005)."""

from sqlalchemy import Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text, Uuid

from storage.tables.metadata import (
    metadata,
    moment,
    one_of,
    tenant_column,
    tenant_owner,
    workspace_column,
)

# Intune's audit events; the directory's audit log.
EVENT_SOURCES = ("intune", "directory")
EVENT_OPERATIONS = ("create", "update", "delete", "assign", "other")

change_events = Table(
    "change_events",
    metadata,
    tenant_column(),
    Column("source", Text, nullable=False),
    # Id of the event in Graph; an event may name several objects.
    Column("event_id", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    workspace_column(),
    # Key of the registry, where the event's object can be told.
    Column("resource_type", Text),
    Column("operation", Text, nullable=False),
    moment("happened_at", nullable=False),
    # Encrypted JSON with the actor's kind, id and name: personal data.
    Column("actor", LargeBinary, nullable=False),
    Column("key_id", Uuid, nullable=False),
    moment("recorded_at", nullable=False, default_now=True),
    PrimaryKeyConstraint("tenant_id", "source", "event_id", "external_id"),
    tenant_owner(),
    one_of("source", EVENT_SOURCES, "source"),
    one_of("operation", EVENT_OPERATIONS, "operation"),
    Index("ix_change_events_tenant_id_external_id", "tenant_id", "external_id", "happened_at"),
    Index("ix_change_events_tenant_id_happened_at", "tenant_id", "happened_at"),
)

change_event_sources = Table(
    "change_event_sources",
    metadata,
    tenant_column(),
    Column("source", Text, nullable=False),
    workspace_column(),
    # Events up to this moment are stored; NULL when none were ever read.
    moment("read_until"),
    # Why the newest attempt read nothing, if it did not.
    Column("reason_code", Text),
    moment("updated_at", nullable=False, default_now=True),
    PrimaryKeyConstraint("tenant_id", "source"),
    tenant_owner(),
    one_of("source", EVENT_SOURCES, "source"),
)
