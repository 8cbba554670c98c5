"""Why a file of a folder is no object of an imported set: one named reason for each."""

from dataclasses import dataclass
from enum import StrEnum


class FileFault(StrEnum):
    """What keeps a file, or an object in it, out of an import."""

    # Neither UTF-8 nor UTF-16 or UTF-32 that says so.
    UNREADABLE_ENCODING = "unreadable_encoding"
    # No JSON text, or values that JSON does not have.
    NOT_JSON = "not_json"
    # No YAML document, or values that JSON does not have.
    NOT_YAML = "not_yaml"
    # One object names a property twice; which value holds nobody can tell.
    DUPLICATE_KEY = "duplicate_key"
    # Something else than an object, where an object is expected.
    NOT_AN_OBJECT = "not_an_object"
    # Nested deeper than any configuration is.
    TOO_DEEP = "too_deep"
    # YAML that stands for far more than it says.
    EXPANDS = "expands"
    # Nothing says which resource type it is, or the type is not backed up.
    UNKNOWN_TYPE = "unknown_type"
    # Text or numbers that no stored document can hold.
    NOT_REPRESENTABLE = "not_representable"
    # An earlier file has the same object.
    DUPLICATE_OBJECT = "duplicate_object"
    # Assignments whose object is in no file.
    ASSIGNMENTS_WITHOUT_OBJECT = "assignments_without_object"
    # Above 64 MB.
    TOO_LARGE = "too_large"
    # A symbolic link; they are not followed.
    SYMBOLIC_LINK = "symbolic_link"
    # The system refuses to read it.
    UNREADABLE = "unreadable"
    # The index of the export names it, and it is not there.
    MISSING_FILE = "missing_file"


@dataclass(frozen=True)
class BrokenFile:
    """A file, or a part of it, that was not imported; `detail` is what the reason is about."""

    path: str
    fault: FileFault
    detail: str | None = None


class FileFaultError(ValueError):
    """A file cannot be an object; carries its fault."""

    def __init__(self, fault: FileFault, detail: str | None = None) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.detail = detail
