"""File names of exported objects: readable, safe on every file system, stable, never the same.

The name of a file depends on its object alone, so that a second object of the same name does not
rename the first one, and two exports can be compared file by file. Its readable part follows the
display name; the hash part never changes and tells two objects apart whatever they are called,
also where names differ in case only.
"""

import hashlib
import re
import unicodedata

# What Windows, macOS or a shell would stumble over; everything else stays readable.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u2028\u2029\ud800-\udfff]+')
# Dots and spaces go at both ends (Windows drops them, a leading dot hides), a dash only in front.
_FRONT = " .-"
_TAIL = " ."
# Devices of Windows, also with any extension and with digits written high.
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])[ ]*(\..*)?\Z",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_NAME_BYTES = 120
_UNNAMED = "unnamed"
_OWN_NAME = re.compile(r".+__(?P<digest>[0-9a-f]{16})\.[A-Za-z0-9.-]+\Z", re.DOTALL)


def file_name(display_name: str | None, object_id: str) -> str:
    """Return the file name of an object: its display name, then a hash of its id."""
    return f"{file_stem(display_name, object_id)}.json"


def file_stem(display_name: str | None, object_id: str) -> str:
    """Return what the names of all files of an object begin with; a dot and an ending follow."""
    return f"{safe_name(display_name or _UNNAMED)}__{object_digest(object_id)}"


def object_digest(object_id: str) -> str:
    """Return the part of a file name that stands for the object's id."""
    return hashlib.sha256(object_id.encode(errors="surrogatepass")).hexdigest()[:16]


def digest_in(name: str) -> str | None:
    """Return the object's part of a file name made by an export; None for any other name."""
    match = _OWN_NAME.match(name)
    return None if match is None else match["digest"]


def folded_path(path: str) -> str:
    """Return what paths have in common that some systems take for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def safe_name(text: str) -> str:
    """Return a text that is one harmless path component, on every system.

    No separators, no leading dot or dash, no invisible or direction-changing characters, no name
    that Windows reserves.
    """
    visible = "".join(
        " " if unicodedata.category(sign) == "Zs" else sign
        for sign in unicodedata.normalize("NFC", text)
        if unicodedata.category(sign) != "Cf"
    )
    # Again: without what stood between them, two characters may be one.
    cleaned = unicodedata.normalize("NFC", _UNSAFE.sub("_", visible))
    cleaned = cleaned.lstrip(_FRONT).rstrip(_TAIL)
    short = cleaned.encode()[:_LONGEST_NAME_BYTES].decode(errors="ignore").rstrip(_TAIL)
    if not short:
        return _UNNAMED
    return f"_{short}"[:_LONGEST_NAME_BYTES] if _RESERVED.match(short) else short
