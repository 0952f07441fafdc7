"""What the server counts, for Prometheus. Knows names and numbers; every server has a registry of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from secondpass.engine.cache import ScoreCache
from secondpass.types import Spent

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_BY = ("model", "dialect")


@dataclass(slots=True)
class Outcome:
    """One request as it is counted and logged; filled in on its way.

    `phases`: seconds. "read" and "write" the body, "wait" for a thread, "queue" for the model, "tokenise" and "infer",
    which overlap, "rank" which is the three together and what else ranking takes, "total".
    """

    dialect: str
    model: str = ""
    status: int = 0
    documents: int = 0
    tokens: int = 0
    degraded: bool = False
    error: str = ""
    spent: Spent | None = None
    phases: dict[str, float] = field(default_factory=dict)

    def note(self, spent: Spent | None) -> None:
        """Take over where the engine says that the time went."""
        self.spent = spent
        if spent is not None:
            self.phases |= {"queue": spent.queued, "tokenise": spent.tokenising, "infer": spent.inferring}


class Metrics:
    """The counters. `gauges`: functions that are asked when somebody looks."""

    def __init__(self, cache: ScoreCache | None, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        self.registry = CollectorRegistry()
        counter, histogram = partial(Counter, registry=self.registry), partial(Histogram, registry=self.registry)
        self._requests = counter("secondpass_requests", "Requests that were answered.", (*_BY, "status"))
        self._seconds = histogram("secondpass_request_seconds", "Seconds by phase.", (*_BY, "phase"), buckets=_SECONDS)
        self._pairs = counter("secondpass_pairs", "Pairs of a query and a document.", _BY)
        self._tokens = counter("secondpass_tokens", "Tokens as they are billed.", _BY)
        self._computed = counter("secondpass_computed_tokens", "Tokens that were computed.", _BY)
        self._padding = counter("secondpass_padding_tokens", "Tokens that only filled batches up.", _BY)
        self._batches = counter("secondpass_batches", "Batches that requests had a part in.", _BY)
        self._fill = histogram(
            "secondpass_batch_tokens", "Padded tokens of one request in a batch.", _BY, buckets=_FILL
        )
        self._cancelled = counter("secondpass_cancelled", "Requests whose client had gone.", _BY)
        self._expired = counter("secondpass_expired", "Requests that were not done by their deadline.", _BY)
        for name, (told, ask) in {**gauges, **(_cache_gauges(cache) if cache is not None else {})}.items():
            Gauge(f"secondpass_{name}", told, registry=self.registry).set_function(ask)

    def count(self, outcome: Outcome) -> None:
        """Count one request that has come to its end."""
        by = (outcome.model, outcome.dialect)
        self._requests.labels(*by, str(outcome.status)).inc()
        for phase, seconds in outcome.phases.items():
            self._seconds.labels(*by, phase).observe(seconds)
        self._pairs.labels(*by).inc(outcome.documents)
        self._tokens.labels(*by).inc(outcome.tokens)
        if outcome.status == 499:
            self._cancelled.labels(*by).inc()
        if outcome.status == 504 or (outcome.degraded and outcome.status == 200):
            self._expired.labels(*by).inc()
        if outcome.spent is not None and outcome.spent.batches:
            spent = outcome.spent
            self._computed.labels(*by).inc(spent.real_tokens)
            self._padding.labels(*by).inc(max(0, spent.padded_tokens - spent.real_tokens))
            self._batches.labels(*by).inc(spent.batches)
            self._fill.labels(*by).observe(spent.padded_tokens / spent.batches)

    def text(self) -> bytes:
        """What Prometheus fetches."""
        return generate_latest(self.registry)


_FILL = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)


def _cache_gauges(cache: ScoreCache) -> dict[str, tuple[str, Callable[[], float]]]:
    return {
        "cache_hits": ("Documents whose score was known.", lambda: cache.hits),
        "cache_misses": ("Documents whose score was not known.", lambda: cache.misses),
        "cache_entries": ("Scores that are known.", lambda: len(cache)),
    }
