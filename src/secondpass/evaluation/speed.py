"""How fast a reranker was and how much memory it took: what is noted of each query, and the sum of it.

Knows seconds and counts; nothing of models or queries.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from secondpass.errors import InputError
from secondpass.types import Ranking

WINDOW_S = 0.05
"""The latency for which documents are counted."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One ranking: seconds that it took, documents that were ranked, and their tokens before any cut (`Hit.tokens`)."""

    seconds: float
    documents: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Speed:
    """What queries took, one after the other.

    Latency is of one query, in milliseconds. `documents_per_50_ms` is how many documents fit that time at the mean
    rate. `tokens_per_second` counts documents' tokens. `peak_mib`: the most memory that the process held, for whatever
    it did; None where the system does not say.
    """

    queries: int
    documents: int
    tokens: int
    seconds: float
    p50_ms: float
    p95_ms: float
    documents_per_second: float
    tokens_per_second: float
    documents_per_50_ms: int
    peak_mib: float | None = None


def timed(rank: Callable[[], Ranking]) -> tuple[Ranking, Timing]:
    """What `rank` gives, and what it took; without `top_n` or `min_score`, since only hits are counted."""
    start = time.perf_counter()
    ranking = rank()
    seconds = time.perf_counter() - start
    return ranking, Timing(seconds, len(ranking), sum(hit.tokens for hit in ranking))


def speed(timings: Sequence[Timing], *, peak_mib: float | None = None) -> Speed:
    """The sum of several queries' timings. Raises `InputError` where there are none, or they took no time."""
    seconds = float(sum(timing.seconds for timing in timings))
    if not seconds > 0:
        raise InputError(f"{len(timings)} timings of {seconds:g} s in all have no speed: time one query or more.")
    documents = sum(timing.documents for timing in timings)
    tokens = sum(timing.tokens for timing in timings)
    p50, p95 = latency_ms([timing.seconds for timing in timings])
    return Speed(
        queries=len(timings),
        documents=documents,
        tokens=tokens,
        seconds=seconds,
        p50_ms=p50,
        p95_ms=p95,
        documents_per_second=documents / seconds,
        tokens_per_second=tokens / seconds,
        documents_per_50_ms=int(WINDOW_S * documents / seconds),
        peak_mib=peak_mib,
    )


def latency_ms(seconds: Sequence[float]) -> tuple[float, float]:
    """The median and the 95th percentile in milliseconds, interpolated between the two nearest of the values."""
    import numpy as np  # here, since the command line imports this file for `--help`

    p50, p95 = np.percentile(seconds, (50, 95))
    return 1000 * float(p50), 1000 * float(p95)


def peak_memory() -> float | None:
    """The most memory this process has held, in MiB; None where the system does not say."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux: getrusage would count what the parent held when it started this process
        for line in status.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
