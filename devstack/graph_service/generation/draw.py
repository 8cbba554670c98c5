"""Seeded draws and the words that generated objects are made of."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

Document = dict[str, Any]
T = TypeVar("T")

EPOCH = datetime(2024, 1, 8, 6, 0, tzinfo=UTC)
ZERO_GUID = "00000000-0000-0000-0000-000000000000"


def names(text: str) -> tuple[str, ...]:
    """The words of a text as a tuple."""
    return tuple(text.split())


WORDS = names(
    """
    account audit backup baseline battery bitlocker bluetooth browser cache camera certificate
    clipboard cloud cookie credential defender desktop device disk display domain download drive
    edge encryption enrolment event exclusion explorer export extension factory feature file
    firewall folder guest hardware hello host idle image import integrity kernel key kiosk lan
    laptop library license limit local lock log macro mail memory meter mobile monitor network
    notification office outlook owner package password patch pin platform policy port power
    print privacy process profile proxy publisher quality queue recovery registry release remote
    report restart role root router safe sandbox scan schedule screen script search security
    sensor server service session share shell signature site sleep smart socket software spool
    startup storage store sync system tablet task team telemetry template tenant threat time
    token tool trace traffic transfer trust tunnel update upload usage user vault version video
    volume vpn wallet warning web widget wifi window wireless workspace zone
    """
)
WORD_COUNT = len(WORDS)
RINGS = ("Pilot", "Early", "Broad", "Critical", "Lab", "Kiosk", "Shared", "Executive")


MULTIPLIER = 6364136223846793005
INCREMENT = 1442695040888963407
MASK = (1 << 64) - 1


class Draw:
    """One object's stream of random choices.

    A linear congruential generator of 64 bits of which the high ones are used. `random.Random`
    would do, but its state of 2.5 kB per object scatters the heap of a service that keeps the
    rendered bytes.
    """

    __slots__ = ("_state",)

    def __init__(self, *parts: object) -> None:
        digest = hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=8).digest()
        self._state = int.from_bytes(digest, "big")

    def _below(self, limit: int) -> int:
        self._state = state = (self._state * MULTIPLIER + INCREMENT) & MASK
        return ((state >> 16) * limit) >> 48

    def number(self, low: int, high: int) -> int:
        """Whole number between low and high, both possible."""
        return low + self._below(high - low + 1)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._below(1 << 30) < probability * (1 << 30)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        self._state = state = (self._state * MULTIPLIER + INCREMENT) & MASK
        return options[((state >> 16) * len(options)) >> 48]

    def some(self, options: Sequence[T], low: int, high: int) -> list[T]:
        """Between low and high different options, in their given order."""
        wanted = min(self.number(low, high), len(options))
        chosen: list[T] = []
        for position, option in enumerate(options):
            left = len(options) - position
            if self._below(left) < wanted - len(chosen):
                chosen.append(option)
        return chosen

    def words(self, count: int) -> str:
        """Lower-case words separated by spaces."""
        chosen = []
        state = self._state
        for _ in range(count):
            state = (state * MULTIPLIER + INCREMENT) & MASK
            chosen.append(WORDS[((state >> 16) * WORD_COUNT) >> 48])
        self._state = state
        return " ".join(chosen)

    def title(self, count: int) -> str:
        """Words with capitals."""
        return " ".join(self.pick(WORDS).capitalize() for _ in range(count))

    def sentence(self, low: int, high: int) -> str:
        """A sentence of so many words."""
        return self.words(self.number(low, high)).capitalize() + "."

    def guid(self) -> str:
        """A version-4 GUID from this stream."""
        return format_guid(
            (self._below(1 << 48) << 80) | (self._below(1 << 48) << 32) | self._below(1 << 32)
        )

    def moment(self, *, days: int = 700) -> str:
        """A date after the tenant was founded, as Intune writes dates."""
        when = EPOCH + timedelta(seconds=self.number(0, days * 86400))
        return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.number(0, 9_999_999):07d}Z"

    def base64_bytes(self, size: int) -> str:
        """Base64 of so many bytes that do not compress."""
        seed = self._below(1 << 48).to_bytes(6, "big")
        return base64.b64encode(hashlib.shake_128(seed).digest(size)).decode()

    def skewed(self, median: int, p90: int, maximum: int) -> int:
        """A size whose median, 90th percentile and maximum are about these."""
        position = self._below(1 << 30) / (1 << 30)
        if position < 0.5:
            return self.number(1, max(1, median))
        if position < 0.9:
            return self.number(median, p90)
        return p90 + int((maximum - p90) * ((position - 0.9) * 10) ** 3)


def format_guid(bits: int) -> str:
    """128 bits as a GUID with the marks of version 4."""
    text = f"{bits & ((1 << 128) - 1):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def stable_guid(*parts: object) -> str:
    """The GUID that always belongs to these parts."""
    digest = hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=16).digest()
    return format_guid(int.from_bytes(digest, "big"))


def encode_text(text: str) -> str:
    """Text as base64, the way script bodies travel."""
    return base64.b64encode(text.encode()).decode()
