"""What traffic costs, hosted and on machines of one's own, and from how much traffic on the latter is cheaper.

Knows prices, rates and counts; nothing of models or of how fast they are. All amounts are in US dollars.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from secondpass.errors import InputError
from secondpass.evaluation.prices import Rule
from secondpass.hosted.usage import Price

DAYS = 30
"""Days in a month."""

_HOURS = 24
_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Traffic:
    """Queries a day, documents a query, and tokens of a document together with the query. Raises `InputError`."""

    queries_per_day: float
    documents: int = 100
    tokens: int = 500

    def __post_init__(self) -> None:
        for name in ("queries_per_day", "documents", "tokens"):
            _require_positive(name, getattr(self, name))

    @property
    def tokens_per_query(self) -> int:
        """All that is read for one query."""
        return self.documents * self.tokens


@dataclass(frozen=True, slots=True)
class Machine:
    """A rented machine that is never switched off: what an hour costs, and how many tokens it reads in a second.

    `peak`: how many times the mean the busiest hour's traffic is, which is what machines are counted for. Raises
    `InputError`.
    """

    usd_per_hour: float
    tokens_per_second: float
    peak: float = 1.0

    def __post_init__(self) -> None:
        for name in ("usd_per_hour", "tokens_per_second"):
            _require_positive(name, getattr(self, name))
        if not 1 <= self.peak < math.inf:
            raise InputError(f"peak={self.peak!r}: the busiest hour has the mean's traffic or more. Give 1 or more.")

    @property
    def usd_per_million(self) -> float:
        """US dollars per million tokens while it has work all the time: 1e6 · rate / (3600 · tokens a second)."""
        return 1e6 * self.usd_per_hour / (_SECONDS * self.tokens_per_second)

    @property
    def usd_per_day(self) -> float:
        """What one of them costs a day, with or without work."""
        return _HOURS * self.usd_per_hour

    def queries_per_day(self, tokens_per_query: float) -> float:
        """How many queries a day one of them answers at most."""
        return _HOURS * _SECONDS * self.tokens_per_second / tokens_per_query / self.peak

    def needed(self, traffic: Traffic) -> int:
        """How many of them the traffic needs."""
        return math.ceil(traffic.queries_per_day / self.queries_per_day(traffic.tokens_per_query))

    def per_month(self, traffic: Traffic) -> float:
        """What as many as are needed cost a month."""
        return DAYS * self.usd_per_day * self.needed(traffic)


def per_query(price: Price, traffic: Traffic, rule: Rule) -> float:
    """What a hosted reranker takes for one query, by its list price.

    By the search: as Cohere counts them, a document of more than `rule.tokens` tokens (with the query) is several
    documents, and each begun `rule.documents` of them are a search. Raises `InputError` for a price by another unit.
    """
    each = price.usd / price.count
    if price.per == "token":
        return each * traffic.tokens_per_query
    if price.per == "search":
        pieces = traffic.documents * math.ceil(traffic.tokens / rule.tokens)
        return each * math.ceil(pieces / rule.documents)
    raise InputError("A price by a unit of the provider's own says nothing of a query: give one by token or search.")


def per_month(usd_per_query: float, traffic: Traffic) -> float:
    """What the traffic costs a month where it is paid by the query."""
    return DAYS * traffic.queries_per_day * usd_per_query


def break_even(usd_per_query: float, machine: Machine, tokens_per_query: float) -> float | None:
    """From how many queries a day on a machine of one's own costs no more than paying by the query.

    None where it never does: the machine answers fewer queries a day than its rent would buy. Above what one machine
    answers a second is needed, so that hosting can be cheaper again for a while: `Machine.per_month` counts them.
    """
    even = machine.usd_per_day / usd_per_query
    return even if even <= machine.queries_per_day(tokens_per_query) else None


def payback_days(setup: float, hosted: float, own: float) -> float | None:
    """After how many days `setup`, which was paid once, is saved; None where nothing is.

    `hosted` and `own`: what a month costs. Raises `InputError` for a setup below 0.
    """
    if not 0 <= setup < math.inf:
        raise InputError(f"setup={setup!r}: what is paid once costs 0 or more.")
    return setup / (hosted - own) * DAYS if hosted > own else None


def _require_positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise InputError(f"{name}={value!r}: give a number above 0.")
