"""Intervals against enumeration, the normal formula and simulated coverage; differences on the same draws."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest

from secondpass.errors import InputError
from secondpass.evaluation.bootstrap import bootstrap
from secondpass.evaluation.strata import Values


def _values(*columns: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, float]:
    return {str(i): value for i, value in enumerate(np.concatenate(columns).tolist())}


def _random(seed: int, systems: int = 2, sizes: tuple[int, ...] = (60, 25)) -> Values:
    generator = np.random.default_rng(seed)
    return {f"s{i}": {f"c{j}": _values(generator.random(size)) for j, size in enumerate(sizes)} for i in range(systems)}


def test_the_means_of_the_draws_are_distributed_as_all_draws_are() -> None:
    values = (0.0, 0.5, 2.0)
    drawn = bootstrap({"a": {"c": dict(zip("xyz", values, strict=True))}}, replicates=20_000).replicates[:, 0]
    every = Counter(round(sum(draw) / 3, 9) for draw in product(values, repeat=3))
    found = Counter(np.round(drawn, 9).tolist())
    assert found.keys() == every.keys()
    for mean, times in every.items():
        assert found[mean] / 20_000 == pytest.approx(times / 27, abs=0.01)


def test_the_interval_is_that_of_the_normal_formula_where_queries_are_many() -> None:
    values = _random(1, 1, (900, 400))
    weights = {"c0": 0.7, "c1": 0.3}
    found = bootstrap(values, weights).interval("s0")
    spread = [np.var(list(queries.values())) / len(queries) for queries in values["s0"].values()]
    half = 1.2816 * math.sqrt(0.7**2 * spread[0] + 0.3**2 * spread[1])
    means = [np.mean(list(queries.values())) for queries in values["s0"].values()]
    assert found.estimate == pytest.approx(0.7 * means[0] + 0.3 * means[1], abs=1e-12)
    assert found.estimate - found.low == pytest.approx(half, rel=0.05)
    assert found.high - found.estimate == pytest.approx(half, rel=0.05)
    assert found.level == 0.8


def test_a_higher_level_is_wider() -> None:
    values = _random(2)
    narrow, wide = (bootstrap(values, level=level).interval("s0") for level in (0.8, 0.95))
    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_covers_the_truth_as_often_as_it_says(level: float) -> None:
    generator = np.random.default_rng(11)
    worth, chances = np.array([0.0, 0.2, 0.5, 1.0]), np.array([[0.3, 0.2, 0.2, 0.3], [0.1, 0.2, 0.3, 0.4]])
    weights = {"c0": 0.75, "c1": 0.25}
    truth = float(chances @ worth @ list(weights.values()))
    covered, trials = 0, 1000
    for trial in range(trials):
        drawn = {f"c{i}": _values(generator.choice(worth, 60, p=chances[i])) for i in range(2)}
        interval = bootstrap({"s": drawn}, weights, level=level, replicates=300, seed=trial).interval("s")
        covered += interval.low <= truth <= interval.high
    assert covered / trials == pytest.approx(level, abs=0.02)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    values = _random(3)
    first, again, other = (bootstrap(values, seed=seed, replicates=500) for seed in (7, 7, 8))
    assert first.interval("s1") == again.interval("s1")
    assert first.interval("s1") != other.interval("s1")
    assert (first.seed, len(first.replicates), first.weights) == (7, 500, {"c0": 0.5, "c1": 0.5})


def test_a_system_has_the_same_interval_in_any_company() -> None:
    values = _random(4, systems=5)
    alone, together = bootstrap({"s2": values["s2"]}, replicates=500), bootstrap(values, replicates=500)
    assert alone.replicates[:, 0] == pytest.approx(together.replicates[:, 2], abs=1e-12)


def test_differences_are_taken_on_the_same_draws() -> None:
    base = _random(5, 1)["s0"]
    better = {name: {query: value + 0.01 for query, value in queries.items()} for name, queries in base.items()}
    found = bootstrap({"base": base, "better": better}, replicates=500).difference("better", "base")
    assert (found.first, found.second) == ("better", "base")
    assert found.interval.low == pytest.approx(0.01, abs=1e-12)
    assert found.interval.high == pytest.approx(0.01, abs=1e-12)
    assert found.ahead == 1.0


def test_a_difference_turned_round_has_the_opposite_interval() -> None:
    drawn = bootstrap(_random(6), replicates=999)
    there, back = drawn.difference("s0", "s1"), drawn.difference("s1", "s0")
    assert there.interval.low == pytest.approx(-back.interval.high, abs=1e-12)
    assert there.interval.estimate == pytest.approx(-back.interval.estimate, abs=1e-12)
    assert there.ahead + back.ahead == pytest.approx(1)


def test_one_query_in_a_collection_is_enough() -> None:
    found = bootstrap({"a": {"c": {"q": 0.25}}}, replicates=10).interval("a")
    assert (found.low, found.estimate, found.high) == (0.25, 0.25, 0.25)


@pytest.mark.parametrize("level", [0.0, 1.0, 80.0, math.nan])
def test_a_level_is_between_0_and_1(level: float) -> None:
    with pytest.raises(InputError, match=f"level is {level}"):
        bootstrap(_random(7), level=level)


def test_what_cannot_be_drawn_or_was_not_measured_is_refused() -> None:
    with pytest.raises(InputError, match="0 replicates"):
        bootstrap(_random(7), replicates=0)
    with pytest.raises(InputError, match="'s9' was not measured; there are: s0, s1"):
        bootstrap(_random(7), replicates=5).difference("s0", "s9")
