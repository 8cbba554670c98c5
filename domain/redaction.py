"""Patterns of secrets and personal data, for text that is not ours: foreign log lines (D7).

Text of ours is built from allowed parts and needs no pattern. This is the second fence behind it:
lines that libraries log. The kinds are those of api.md, section e.
"""

import re
import sys

REPLACEMENT = "[redacted]"
_LONGEST_NAME = 64

_KEY_NAMES = (
    "access_token|refresh_token|id_token|client_secret|client_assertion|device_code|password|"
    "preSharedKey|privateKey|token|tokenValue|certificate|trustedRootCertificate|"
    "activationLockBypassCode|scriptContent|secretReferenceValueId|set-cookie|cookie|authorization|"
    "assertion|sharedSecret|pfxBlob|passphrase|serialNumber|deviceName|userPrincipalName"
)

_PATTERNS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # Keys first, so that the value goes whatever its shape.
        (
            rf"""["']?\b(?:{_KEY_NAMES})["']?\s*[=:]\s*["']?[^\s"',;&}}]+(?:\s[^"',;&}}]+)?""",
            re.IGNORECASE,
        ),
        (r"-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|$)", 0),
        (r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}", 0),
        (r"\bBearer\s+\S+", re.IGNORECASE),
        (r"\b[01]\.A[A-Za-z0-9_.-]{20,}", 0),
        (r"\bM\.C\d{3}_[A-Z]{3}\.\S+", 0),
        (r"[A-Za-z0-9_.~-]{3}\dQ~[A-Za-z0-9_.~-]{20,}", 0),
        (r"https?://\S*[?&]sig=\S+", re.IGNORECASE),
        (r"https?://fef\.\S+", re.IGNORECASE),
        (r"://[^/\s:@]+:[^/\s@]+@", 0),
        (r"\bMI[IK][A-Za-z0-9+/=]{40,}", 0),
        (r"\bAADSTS(\d+):[^\r\n]*", 0),
        (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", 0),
        (r"\b(?:[0-9A-F]{4}-){3,}[0-9A-F]{4}\b", 0),
    )
)


def scrub(text: str) -> str:
    """Return `text` without anything that looks like a secret or like personal data."""
    for pattern in _PATTERNS:
        text = pattern.sub(REPLACEMENT, text)
    return text


def static_type_name(kind: type[object]) -> str:
    """Return the name of a class that a module defines; `Error` for one made at run time.

    A class can be made with any text as its name, a secret included.
    """
    name = kind.__name__
    defined = getattr(sys.modules.get(kind.__module__), name, None)
    return name[:_LONGEST_NAME] if defined is kind else "Error"
