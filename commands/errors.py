"""What a person reads when a command does not work: one line, the mend in it, and an exit code.

Knows every family of errors that services raise. Errors that nobody foresaw are named by type and
place only: their text may hold anything (D7).
"""

import os
from dataclasses import dataclass

EXIT_FAILED = 1
EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130

_NO_SERVER = "{} could not be reached ({}); {}"
_NO_NAMESPACE = "Temporal has no such namespace; make it, or change TEMPORAL_NAMESPACE"
_OUT_OF_RANGE = "a value is larger than the database can hold ({}); give a smaller one"
_STATEMENT = "PostgreSQL refused a statement ({}); run `tenantops doctor`"
_NOT_MIGRATED = "the database lacks tables of this version; run `tenantops migrate`"


class CommandError(Exception):
    """The command did not do what was asked; the message is for people."""

    exit_code = EXIT_FAILED


class InputError(CommandError):
    """Something was given wrongly; `field` names it, `mend` says what to give instead."""

    exit_code = EXIT_WRONG_INPUT

    def __init__(self, field: str, problem: str, mend: str) -> None:
        super().__init__(f"{field}: {problem}; {mend}")
        self.field = field


class RefusedError(CommandError):
    """The work may not be done; carries a code of the reason catalog."""

    def __init__(self, message: str, reason_code: str) -> None:
        super().__init__(message)
        self.reason_code = reason_code


@dataclass(frozen=True, slots=True)
class Explanation:
    """An error for people; `reason_code` is None where the catalog has no entry for it."""

    message: str
    exit_code: int = EXIT_FAILED
    field: str | None = None
    reason_code: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the document that `--json` prints instead of the result."""
        return {
            "error": {
                "message": self.message,
                "field": self.field,
                "reason_code": self.reason_code,
                "exit_code": self.exit_code,
            }
        }


def explain(error: Exception) -> Explanation:
    """Say what to do about any error of a command."""
    if isinstance(error, CommandError):
        return Explanation(
            str(error),
            error.exit_code,
            getattr(error, "field", None),
            getattr(error, "reason_code", None),
        )
    families = (
        _of_stack,
        _of_settings,
        _of_accounts,
        _of_schedules,
        _of_runs,
        _of_sets,
        _of_graph,
        _of_temporal,
        _of_files,
        _of_database,
    )
    for family in families:
        explanation = family(error)
        if explanation is not None:
            return explanation
    return Explanation(_unforeseen(error))


def _of_stack(error: Exception) -> Explanation | None:
    from devstack.stack import StackStartError, StateDirectoryError
    from devstack.supervisor import PartStartError

    if isinstance(error, StateDirectoryError):
        mend = "name another folder with TENANTOPS_DEVSTACK_DIR or --state-dir"
        return Explanation(f"{error}; {mend}", EXIT_WRONG_INPUT, "--state-dir")
    if isinstance(error, StackStartError | PartStartError):
        return Explanation(str(error))
    return None


def _of_settings(error: Exception) -> Explanation | None:
    from settings import SettingsError

    if isinstance(error, SettingsError):
        # Each problem begins with its variable.
        field = error.problems[0].partition(" ")[0].rstrip(":")
        return Explanation("\n".join(map(_with_stack, error.problems)), EXIT_WRONG_INPUT, field)
    return None


def _with_stack(problem: str) -> str:
    if not problem.startswith("DATABASE_URL is not set"):
        return problem
    return f"{problem}, or try it out with `make dev` or `tenantops stack start`"


def _of_accounts(error: Exception) -> Explanation | None:
    from services.accounts.account_errors import AccountError, InvalidFieldError
    from services.contents.root_keys import EncryptionKeyUnavailableError

    if isinstance(error, EncryptionKeyUnavailableError):
        return Explanation(str(error), EXIT_FAILED, None, error.reason_code)
    if isinstance(error, InvalidFieldError):
        return Explanation(str(error), EXIT_WRONG_INPUT, error.field)
    reason_code = getattr(error, "reason_code", None)
    if isinstance(error, AccountError):
        code = EXIT_WRONG_INPUT if reason_code is None else EXIT_FAILED
        return Explanation(str(error), code, None, reason_code)
    return None


def _of_schedules(error: Exception) -> Explanation | None:
    from domain.schedules import InvalidScheduleError
    from services.schedules.schedule_errors import (
        ScheduleServiceError,
        ScheduleStillInTemporalError,
    )
    from services.schedules.temporal_schedules import TemporalScheduleError

    if isinstance(error, InvalidScheduleError):
        return Explanation(str(error), EXIT_WRONG_INPUT, error.problems[0].field)
    if isinstance(error, ScheduleStillInTemporalError | TemporalScheduleError):
        return Explanation(str(error))
    if isinstance(error, ScheduleServiceError):
        return Explanation(str(error), EXIT_WRONG_INPUT)
    return None


def _of_files(error: Exception) -> Explanation | None:
    # Errors of connections are OSErrors as well, and name no file. Libraries fill theirs with any
    # text; ours have whole paths and a number of the system.
    if not isinstance(error, OSError) or error.errno is None:
        return None
    if not isinstance(error.filename, str) or not error.filename.startswith("/"):
        return None
    return Explanation(f"{error.filename} cannot be used: {os.strerror(error.errno)}")


def _of_database(error: Exception) -> Explanation | None:
    import asyncpg
    from sqlalchemy.exc import SQLAlchemyError

    from storage.engine import DatabaseAddressError

    if isinstance(error, DatabaseAddressError):
        return Explanation(str(error), EXIT_WRONG_INPUT, "DATABASE_URL")
    cause = getattr(error, "orig", None) or error
    cause = getattr(cause, "__cause__", None) or cause
    if isinstance(cause, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError):
        return Explanation(_NOT_MIGRATED)
    kind = type(cause).__name__
    if isinstance(cause, asyncpg.DataError):
        return Explanation(_OUT_OF_RANGE.format(kind), EXIT_WRONG_INPUT)
    refused = (
        asyncpg.PostgresConnectionError
        | asyncpg.InvalidAuthorizationSpecificationError
        | asyncpg.InvalidCatalogNameError
        | asyncpg.OperatorInterventionError
        | asyncpg.InsufficientResourcesError
    )
    if isinstance(cause, asyncpg.PostgresError) and not isinstance(cause, refused):
        return Explanation(_STATEMENT.format(kind))
    if isinstance(
        cause, asyncpg.PostgresError | asyncpg.InterfaceError | SQLAlchemyError | OSError
    ):
        return _unreachable("PostgreSQL", kind, "DATABASE_URL")
    return None


def _of_temporal(error: Exception) -> Explanation | None:
    from temporalio.service import RPCError, RPCStatusCode

    if isinstance(error, RPCError):
        if error.status is RPCStatusCode.NOT_FOUND and "namespace" in error.message.lower():
            return Explanation(_NO_NAMESPACE)
        status = f"gRPC status {error.status.name.lower()}"
        return _unreachable("Temporal", status, "TEMPORAL_ADDRESS")
    # The SDK's client raises a bare RuntimeError when it cannot connect.
    if type(error) is RuntimeError and "connect" in str(error).lower():
        return _unreachable("Temporal", "no connection", "TEMPORAL_ADDRESS")
    return None


def _unreachable(server: str, how: str, variable: str) -> Explanation:
    from commands.local.environment import uses_development_stack

    mend = f"check {variable} and that the server runs"
    if uses_development_stack():
        mend = "run `tenantops stack start`"
    return Explanation(_NO_SERVER.format(server, how, mend))


def _of_graph(error: Exception) -> Explanation | None:
    from domain.reasons import reason
    from graph.errors import GraphError
    from services.connections.graph_access import CustomCloudMissingError

    if isinstance(error, CustomCloudMissingError):
        return Explanation(str(error), reason_code=error.reason_code)
    if not isinstance(error, GraphError):
        return None
    entry = reason(error.reason_code.value)
    return Explanation(f"{entry.label}: {entry.explanation} ({error})", reason_code=entry.code)


def _of_runs(error: Exception) -> Explanation | None:
    from services.runs.run_errors import OperationRunError
    from services.runs.run_reads import CursorError, IdPrefixError

    if isinstance(error, CursorError):
        return Explanation(f"--cursor: {error}", EXIT_WRONG_INPUT, "--cursor")
    if isinstance(error, IdPrefixError):
        return Explanation(f"RUN: {error}", EXIT_WRONG_INPUT, "RUN")
    return Explanation(str(error)) if isinstance(error, OperationRunError) else None


def _of_sets(error: Exception) -> Explanation | None:
    from graph.metadata_documents import MetadataUnreadableError
    from services.contents.contents import ContentMissingError
    from services.imports.imports import ImportSourceError
    from services.sets.backup_sets import BackupSetNotFoundError
    from services.sets.exports import ExportTargetError

    if isinstance(error, BackupSetNotFoundError):
        return Explanation(str(error.args[0]), EXIT_WRONG_INPUT, "SET", error.reason_code)
    if isinstance(error, MetadataUnreadableError):
        message = f"{error}; give a file with what GET /beta/$metadata or /v1.0/$metadata answers"
        return Explanation(message, EXIT_WRONG_INPUT, "--beta, --v1", error.reason_code)
    if isinstance(error, ExportTargetError | ImportSourceError):
        return Explanation(f"FOLDER: {error}", EXIT_WRONG_INPUT, "FOLDER")
    return Explanation(str(error.args[0])) if isinstance(error, ContentMissingError) else None


def _unforeseen(error: Exception) -> str:
    from services.process.logs import describe_exception

    described = describe_exception(error)
    where = f" at {described['at'][-1]}" if described["at"] else ""
    return f"an unforeseen {described['type']}{where}; please report it with this line"
