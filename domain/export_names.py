"""File names of exported objects: readable, safe on every file system, stable, never the same.

The name of a file depends on its object alone, so that a second object of the same name does not
rename the first one, and two exports can be compared file by file.
"""

import hashlib
import re
import unicodedata

# What Windows, macOS or a shell would stumble over; everything else stays readable.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]+')
_LONGEST_NAME_BYTES = 120
_UNNAMED = "unnamed"


def file_name(display_name: str | None, object_id: str) -> str:
    """Return the file name of an object: its display name, then a hash of its id."""
    digest = hashlib.sha256(object_id.encode(errors="replace")).hexdigest()[:16]
    return f"{safe_name(display_name or _UNNAMED)}__{digest}.json"


def safe_name(text: str) -> str:
    """Return a text that is one harmless path component: no separators, no leading dot."""
    cleaned = _UNSAFE.sub("_", unicodedata.normalize("NFC", text)).strip(" .")
    short = cleaned.encode()[:_LONGEST_NAME_BYTES].decode(errors="ignore").strip(" .")
    return short or _UNNAMED
