"""When to try again, how long to wait before, and when to give up. Time and chance are arguments.

Knows statuses and headers; nothing of what was asked.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from secondpass.errors import InputError

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Statuses after which the same request may succeed. Ranking changes nothing, so asking twice does no harm."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often to try. `timeout_s`: for one attempt; `total_s`: for a whole list, waits included.

    Before attempt n + 1 the wait is between half and all of `first_wait_s` · 2^(n - 1), at most `longest_wait_s`; a
    `Retry-After` that asks for more is obeyed. Raises `InputError` for values that cannot be.
    """

    timeout_s: float = 30.0
    total_s: float = 120.0
    attempts: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0

    def __post_init__(self) -> None:
        for name in ("timeout_s", "total_s", "attempts"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}={getattr(self, name)!r}: give more than 0.")

    def wait(self, attempt: int, asked: float | None, chance: float) -> float:
        """Seconds before the attempt after `attempt` (from 1); `asked` by the server; `chance` in [0, 1)."""
        longest = min(self.longest_wait_s, self.first_wait_s * 2.0 ** (attempt - 1))
        return max(asked or 0.0, longest * (0.5 + chance / 2))


@dataclass(frozen=True, slots=True)
class World:
    """Time and chance. `sleep` None waits in a way that giving up ends at once."""

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    chance: Callable[[], float] = random.random
    sleep: Callable[[float], None] | None = None


class Deadline:
    """When one list has to be done, shared by its requests; the first that fails calls the others off."""

    def __init__(self, seconds: float, world: World) -> None:
        self._world = world
        self._until = world.clock() + seconds
        self._off = threading.Event()

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._until - self._world.clock())

    @property
    def called_off(self) -> bool:
        return self._off.is_set()

    def call_off(self) -> None:
        """Nobody waits for an answer any more."""
        self._off.set()

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than anybody waits for the answer."""
        if self._world.sleep is None:
            self._off.wait(seconds)
        else:
            self._world.sleep(seconds)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a `Retry-After` header asks for: a number, or an HTTP date; None where it says neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            then = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else None
