from __future__ import annotations

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import secondpass
from secondpass.errors import InputError
from secondpass.evaluation.speed import Timing, latency_ms, peak_memory, speed, timed

TIMINGS = st.lists(st.builds(Timing, st.floats(1e-6, 100), st.integers(0, 1000), st.integers(0, 10**6)), min_size=1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not report the peak memory")
def test_peak_memory_is_in_mebibytes_and_never_falls() -> None:
    before = peak_memory()
    assert before is not None
    assert 5 < before < 100_000
    del [bytearray(64 * 2**20)][:]
    after = peak_memory()
    assert after is not None
    assert after >= before


def test_a_ranking_is_timed_and_its_documents_and_tokens_counted() -> None:
    with secondpass.load("bm25") as reranker:
        ranking, timing = timed(lambda: reranker.rank("red fox", ["a red fox", "the blue whale swims", "fox"]))
    assert [hit.index for hit in ranking] != []
    assert timing.documents == 3
    assert timing.tokens == sum(hit.tokens for hit in ranking) > 0
    assert 0 < timing.seconds < 60


def test_timings_add_up_to_a_speed() -> None:
    found = speed([Timing(0.1, 100, 12_900), Timing(0.3, 100, 12_900), Timing(0.2, 50, 6_450)], peak_mib=276.0)
    assert (found.queries, found.documents, found.tokens, found.peak_mib) == (3, 250, 32_250, 276.0)
    assert found.seconds == pytest.approx(0.6)
    assert found.p50_ms == pytest.approx(200)
    assert found.p95_ms == pytest.approx(290)  # nine tenths of the way from 200 ms to 300 ms
    assert found.documents_per_second == pytest.approx(250 / 0.6)
    assert found.tokens_per_second == pytest.approx(53_750)
    assert found.documents_per_50_ms == 20  # 20.8 of them, the last one unfinished


@given(TIMINGS)
def test_latencies_lie_between_the_fastest_and_the_slowest(timings: list[Timing]) -> None:
    found = speed(timings)
    fastest, slowest = min(t.seconds for t in timings), max(t.seconds for t in timings)
    assert 1000 * fastest <= found.p50_ms * (1 + 1e-12)
    assert found.p50_ms <= found.p95_ms * (1 + 1e-12)
    assert found.p95_ms <= 1000 * slowest * (1 + 1e-12)
    assert math.isclose(found.documents_per_second * found.seconds, found.documents, rel_tol=1e-9)


def test_one_query_is_its_own_median() -> None:
    assert latency_ms([0.25]) == (250, 250)


def test_no_timing_has_no_speed() -> None:
    with pytest.raises(InputError, match="0 timings"):
        speed([])
