"""Which model is recommended, and what is said of how sure that is."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.choose import Choice, choose, queries_needed
from secondpass.evaluation.record import CEILING, NO_RERANKING, Protocol, Record
from secondpass.evaluation.speed import Timing

QUERIES = 60


def record(model: str, values: Sequence[float], ms: float | None = None) -> Record:
    protocol = Protocol("set", "bm25", 10, len(values), 0, "d1")
    by_query = {f"q{i}": value for i, value in enumerate(values)}
    timings = {} if ms is None else {query: Timing(ms / 1000, 10, 1000) for query in by_query}
    return Record(protocol, model, "1", {"nDCG@10": by_query, "R@10": by_query}, {}, timings, {})


def measured(models: Mapping[str, tuple[float, float]], queries: int = QUERIES, first: float = 0.3) -> list[Record]:
    """Records of models by mean and milliseconds; queries differ in difficulty, and models a little on each."""
    difficulty = random.Random(1)
    base = [difficulty.uniform(-0.2, 0.2) for _ in range(queries)]

    def values(mean: float, seed: int) -> list[float]:
        noise = random.Random(seed)
        return [mean + b + noise.uniform(-0.05, 0.05) for b in base]

    found = [record(NO_RERANKING, values(first, 100)), record(CEILING, values(0.8, 101))]
    return found + [record(name, values(mean, i), ms) for i, (name, (mean, ms)) in enumerate(models.items())]


def test_a_clear_winner_is_taken_though_it_is_dear() -> None:
    choice = choose(measured({"cheap": (0.4, 1), "dear": (0.6, 40)}), "nDCG@10", limit_ms=50)
    assert (choice.recommended, choice.best, choice.even, choice.worse) == ("dear", "dear", ("dear",), ("cheap",))
    assert choice.helps
    assert choice.versus["cheap"].corrected <= 0.05


def test_of_those_that_cannot_be_told_apart_the_cheapest_is_taken() -> None:
    choice = choose(measured({"dear": (0.502, 40), "cheap": (0.5, 1), "worse": (0.4, 0.5)}), "nDCG@10")
    assert set(choice.even) == {"dear", "cheap"}
    assert choice.recommended == "cheap"
    assert choice.table.first == "cheap"
    pair = choice.versus[next(model for model in choice.even if model != choice.best)]
    assert abs(pair.difference) < pair.detectable


def test_a_handful_of_queries_tells_nothing_apart() -> None:
    choice = choose(measured({"dear": (0.6, 40), "cheap": (0.5, 1)}, queries=4), "nDCG@10")
    assert choice.recommended == "cheap"  # the least p-value of four queries is 2 in 16
    assert choice.even == ("cheap", "dear")
    assert not choice.helps


def test_one_over_the_limit_is_named_and_never_taken() -> None:
    choice = choose(measured({"slow": (0.7, 51), "fast": (0.5, 49)}), "nDCG@10", limit_ms=50)
    assert choice.recommended == "fast"
    assert choice.too_slow == {"slow": pytest.approx(51)}
    assert "slow" not in choice.versus
    assert any(row.model == "slow" and row.speed is not None for row in choice.table.rows)


def test_where_all_are_too_slow_nothing_is_recommended_and_all_is_shown() -> None:
    choice = choose(measured({"slow": (0.7, 60)}), "nDCG@10", limit_ms=50)
    assert (choice.recommended, choice.best, choice.helps) == (None, None, False)
    assert [row.model for row in choice.table.rows] == [NO_RERANKING, CEILING, "slow"]


def test_a_model_below_the_first_stages_order_is_not_taken() -> None:
    assert choose(measured({"weak": (0.25, 1)}), "nDCG@10").recommended == NO_RERANKING
    # "weak" cannot be told from the best by four queries, but is no better than leaving the order alone.
    few = choose(measured({"weak": (0.25, 1), "good": (0.5, 9)}, queries=4), "nDCG@10")
    assert few.even == ("weak", "good")
    assert few.recommended == "good"


def test_times_that_differ_by_less_than_a_millisecond_do_not_decide() -> None:
    choice = choose(measured({"a": (0.5, 1.1), "b": (0.504, 1.3)}), "nDCG@10")
    assert len(choice.even) == 2
    assert choice.recommended == choice.best


def test_the_number_of_queries_that_would_tell_grows_with_the_square() -> None:
    pair = choose(measured({"dear": (0.502, 40), "cheap": (0.5, 1)}), "nDCG@10").versus[NO_RERANKING]
    needed = queries_needed(pair, QUERIES)
    assert needed is not None
    assert needed == pytest.approx(QUERIES * (pair.detectable / pair.difference) ** 2, abs=1)


def test_what_was_not_measured_cannot_be_chosen() -> None:
    with pytest.raises(InputError, match="No model was measured"):
        choose(measured({}), "nDCG@10")


def test_a_choice_is_ready_for_json() -> None:
    import json

    choice: Choice = choose(measured({"a": (0.5, 1)}), "nDCG@10", limit_ms=50)
    assert json.loads(json.dumps(choice.to_dict()))["recommended"] == "a"
