"""The process that `secondpass bench` starts to measure one model, so that cold start and peak memory are its own.

Reads a job from stdin as JSON, writes one line when the first ranking is there and one with the measurements.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from secondpass.evaluation.speed import peak_memory

if TYPE_CHECKING:
    from secondpass.ranking.reranker import Reranker

FIRST = 20
SIZES = (20, 100)


def measure(job: dict[str, Any]) -> None:
    """Load `job["model"]` as `job["load"]` says, and rank `job["documents"]` for `job["queries"]`.

    `job["rounds"]` times for each size.
    """
    import secondpass

    documents, queries = job["documents"], job["queries"]
    with secondpass.load(job["model"], **job["load"]) as reranker:
        reranker.rank(queries[0], documents[:FIRST], progress=False)
        _report({"ready": True})
        times = {size: _times(reranker, queries, documents[:size], job["rounds"]) for size in SIZES}
    _report({"seconds": times, "peak_mib": peak_memory()})


def _times(reranker: Reranker, queries: list[str], documents: list[str], rounds: int) -> list[float]:
    """Seconds of each ranking; the first one is not counted."""
    taken: list[float] = []
    for number in range(rounds + 1):
        start = time.perf_counter()
        reranker.rank(queries[number % len(queries)], documents, progress=False)
        taken.append(time.perf_counter() - start)
    return taken[1:]


def _report(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure one model as the JSON on stdin asks, in a process of its own; answer in JSON lines on stdout."""
    from secondpass.errors import SecondpassError

    try:
        measure(json.load(sys.stdin))
    except SecondpassError as error:
        _report({"error": str(error)})


if __name__ == "__main__":
    main()
