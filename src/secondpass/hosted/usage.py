"""What was used and what it costs, from a small dated table (`prices.toml`).

Knows counts and prices; nothing of requests. A bill is the provider's to write: this is an estimate from list prices.
"""

from __future__ import annotations

import threading
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Literal

from secondpass.hosted.answer import Used

Per = Literal["token", "search", "unit"]


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for `per` of something, as published on `as_of` (ISO date) at `source`."""

    usd: float
    count: int
    per: Per
    as_of: str
    source: str

    def of(self, used: Used) -> float | None:
        """What `used` costs in US dollars; None where the answer did not say what is billed."""
        amount = {"token": used.tokens, "search": used.searches, "unit": used.units}[self.per]
        return None if amount is None else amount * self.usd / self.count


@dataclass(frozen=True, slots=True)
class Usage:
    """All that a scorer has used: requests that were answered, and what the answers said of themselves.

    `usd` is None as soon as one answer could not be priced: its model is not in the table, or it did not say what it
    used.
    """

    requests: int = 0
    tokens: int = 0
    searches: float = 0
    units: float = 0
    usd: float | None = 0.0


class Meter:
    """Adds up usage from several threads."""

    def __init__(self, price: Price | None) -> None:
        self._price = price
        self._lock = threading.Lock()
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        return self._usage

    def add(self, used: Used) -> None:
        """Count one answer."""
        cost = None if self._price is None else self._price.of(used)
        with self._lock:
            before = self._usage
            self._usage = replace(
                before,
                requests=before.requests + 1,
                tokens=before.tokens + int(used.tokens or 0),
                searches=before.searches + (used.searches or 0),
                units=before.units + (used.units or 0),
                usd=None if before.usd is None or cost is None else before.usd + cost,
            )


def price_of(provider: str, model: str) -> Price | None:
    """The list price of a model; None where the table has none."""
    return prices().get((provider, model))


@cache
def prices() -> dict[tuple[str, str], Price]:
    """The whole table, by provider and model."""
    rows = tomllib.loads(files("secondpass.hosted").joinpath("prices.toml").read_text(encoding="utf-8"))["price"]
    return {
        (row["provider"], model): Price(row["usd"], row["count"], row["per"], str(row["as_of"]), row["source"])
        for row in rows
        for model in row["models"]
    }
