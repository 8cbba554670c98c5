"""Page tokens: opaque, signed, and of short life.

A token holds the position in a list, not a snapshot of it: what is inserted or deleted between
two pages shifts the rest, as with the real service.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import Counter
from dataclasses import dataclass
from urllib.parse import quote

import orjson

from devstack.graph_service.answers import GraphRefusalError
from devstack.graph_service.clock import ServiceClock

COSMOS_MARK = "%5Bcosmosdb%5D"  # stands in the token itself, so that a link encodes it twice


@dataclass(frozen=True, slots=True)
class PageToken:
    """What a token says: list, position, page number (0 is the first), epoch and issue time."""

    scope: str
    offset: int
    page: int
    epoch: int
    issued_at: float
    extra: str = ""


class PageTokens:
    """Makes and reads tokens. `ttl_s` and `uses` limit them; 0 uses means no such limit."""

    def __init__(self, *, key: bytes, clock: ServiceClock, ttl_s: float, uses: int) -> None:
        self._key = key
        self._clock = clock
        self.ttl_s = ttl_s
        self.uses = uses
        self._used: Counter[str] = Counter()

    def make(
        self,
        scope: str,
        offset: int,
        page: int,
        *,
        epoch: int,
        cosmos: bool = False,
        extra: str = "",
    ) -> str:
        """A token as it stands in the query string, encoded for a link."""
        content = orjson.dumps([scope, offset, page, epoch, self._clock.timestamp(), extra])
        signature = hmac.new(self._key, content, hashlib.sha256).digest()[:9]
        text = base64.urlsafe_b64encode(signature + content).decode().rstrip("=")
        return quote((COSMOS_MARK if cosmos else "") + text, safe="")

    def peek_page(self, text: str | None) -> int:
        """Page number a token leads to, 0 without a readable one; checks and counts nothing."""
        if text is None:
            return 0
        plain = text.removeprefix(COSMOS_MARK)
        try:
            raw = base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
            return int(orjson.loads(raw[9:])[2])
        except (ValueError, TypeError, IndexError):
            return 0

    def read(self, text: str, scope: str, epoch: int) -> PageToken:
        """The token's content, or the refusal that makes a client begin again."""
        plain = text.removeprefix(COSMOS_MARK)
        try:
            raw = base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
        except ValueError:
            raise malformed_token() from None
        signature, content = raw[:9], raw[9:]
        wanted = hmac.new(self._key, content, hashlib.sha256).digest()[:9]
        if not hmac.compare_digest(signature, wanted):
            raise malformed_token()
        token = PageToken(*orjson.loads(content))
        if token.scope != scope:
            raise malformed_token()
        self._used[text] += 1
        too_old = self._clock.timestamp() - token.issued_at > self.ttl_s
        if too_old or token.epoch != epoch or (self.uses and self._used[text] > self.uses):
            raise expired_token()
        return token


def expired_token() -> GraphRefusalError:
    """400 Directory_ExpiredPageToken."""
    return GraphRefusalError(
        400,
        "Directory_ExpiredPageToken",
        "The specified page token value has expired and can no longer be included in your request.",
    )


def malformed_token() -> GraphRefusalError:
    """400 for a token that was altered, decoded or taken from another list."""
    return GraphRefusalError(400, "BadRequest", "Invalid skip token.")
