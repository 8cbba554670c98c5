"""States of a provider connection: what it is for and what is known about it."""

from enum import StrEnum


class Purpose(StrEnum):
    """What a connection is for (D14)."""

    # Backups, syncs and checks.
    READ = "read"
    # The write phase of restores.
    WRITE = "write"


class ConsentStatus(StrEnum):
    """What is known about the tenant's consent to the app (behaviour row 79)."""

    UNKNOWN = "unknown"  # nobody looked yet
    REQUIRED = "required"  # an administrator has to consent
    GRANTED = "granted"  # consent is there
    FAILED = "failed"  # consent was tried and refused
    REVOKED = "revoked"  # consent was there


class VerificationStatus(StrEnum):
    """What the last look at the connection gave (behaviour row 79)."""

    UNKNOWN = "unknown"  # nobody looked since it was changed
    PENDING = "pending"  # a check is on its way
    HEALTHY = "healthy"  # everything works
    DEGRADED = "degraded"  # some permissions are missing
    BLOCKED = "blocked"  # nothing works until a person acts
    ERROR = "error"  # the check itself failed
