"""How much is under way, and whether more may come in. Knows tokens as estimated from bytes, and a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from secondpass.errors import Overloaded

BYTES_A_TOKEN = 4
_LONGEST_WAIT = 60.0
_RECENT = 0.8  # share of the former speed in the present one


class Admission:
    """At most `most` tokens at a time; a request that comes alone is let in however large it is."""

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._now = now
        self._lock = Lock()
        self._speed: float | None = None
        self.tokens = 0
        self.requests = 0

    @contextmanager
    def admitted(self, size: int) -> Iterator[None]:
        """While a body of so many bytes is under way. Raises `Overloaded` with the seconds that a place may take."""
        tokens = size // BYTES_A_TOKEN + 1
        with self._lock:
            if self.requests and self.tokens + tokens > self._most:
                raise Overloaded(
                    f"{self.requests} requests of about {self.tokens} tokens are under way: try again later.",
                    retry_after=self._wait(tokens),
                )
            self.tokens += tokens
            self.requests += 1
            together = self.tokens
        began = self._now()
        try:
            yield
        finally:
            took = self._now() - began
            with self._lock:
                self.tokens -= tokens
                self.requests -= 1
                if took > 0:
                    speed = together / took
                    self._speed = speed if self._speed is None else _RECENT * self._speed + (1 - _RECENT) * speed

    def _wait(self, tokens: int) -> float:
        over = self.tokens + tokens - self._most
        return 1.0 if not self._speed else min(_LONGEST_WAIT, max(1.0, over / self._speed))
