"""Files that only their owner reads and that are never seen half written."""

import os
import secrets
from pathlib import Path


def write_private_text(path: Path, text: str) -> None:
    """Put `text` at `path` with mode 0600, replacing a former file at once."""
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.replace(path)
