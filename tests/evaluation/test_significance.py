"""p-values against every assignment of signs, against simulated error rates, and Holm's by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.evaluation.significance import compare, holm


def _system(values: list[float]) -> dict[str, dict[str, float]]:
    return {"c": {str(i): value for i, value in enumerate(values)}}


def test_the_p_value_is_the_share_of_all_signs_that_are_as_extreme() -> None:
    first, second = [0.9, 0.4, 0.7, 0.3, 0.8, 0.6, 1.0], [0.5, 0.5, 0.2, 0.1, 0.8, 0.1, 0.3]
    differences = np.subtract(first, second)
    every = np.array(list(product([1, -1], repeat=len(differences)))) @ differences
    expected = (np.abs(every) >= abs(differences.sum()) - 1e-12).mean()
    (found,) = compare({"a": _system(first), "b": _system(second)}, rounds=50_000)
    assert found.p_value == pytest.approx(expected, abs=0.005)
    assert found.difference == pytest.approx(differences.mean())


def test_signs_are_weighted_as_the_collections_are() -> None:
    first = {"small": {"x": 1.0, "y": 0.9}, "big": {str(i): 0.5 for i in range(6)}}
    second = {"small": {"x": 0.0, "y": 0.1}, "big": {str(i): 0.6 for i in range(6)}}
    weighted = np.array([0.9 * 1.0 / 2, 0.9 * 0.8 / 2, *[0.1 * -0.1 / 6] * 6])
    every = np.array(list(product([1, -1], repeat=8))) @ weighted
    (found,) = compare({"a": first, "b": second}, {"small": 0.9, "big": 0.1}, rounds=50_000)
    assert found.difference == pytest.approx(weighted.sum())
    assert found.p_value == pytest.approx((np.abs(every) >= weighted.sum() - 1e-12).mean(), abs=0.005)


def test_two_systems_that_are_the_same_differ_by_luck_as_often_as_the_p_value_says() -> None:
    generator = np.random.default_rng(5)
    draws = [generator.random((2, 40)).tolist() for _ in range(600)]
    p_values = np.array([compare({"a": _system(a), "b": _system(b)}, rounds=300)[0].p_value for a, b in draws])
    for level in (0.05, 0.2, 0.5):
        assert (p_values <= level).mean() == pytest.approx(level, abs=2.6 * np.sqrt(level * (1 - level) / 600))


def test_wins_ties_and_losses_are_counted_by_query() -> None:
    (found,) = compare({"a": _system([1.0, 0.1 + 0.2, 0.5, 0.0]), "b": _system([0.0, 0.3, 0.4, 1.0])}, rounds=100)
    assert (found.first, found.second) == ("a", "b")
    assert (found.wins, found.ties, found.losses) == (2, 1, 1)


def test_every_pair_is_compared_and_corrected_for_the_others() -> None:
    generator = np.random.default_rng(6)
    base = generator.random(50)
    values = {
        "good": _system((base + 0.1).tolist()),
        "base": _system(base.tolist()),
        "noisy": _system((base + generator.normal(0, 0.2, 50)).tolist()),
    }
    found = compare(values, rounds=2000)
    assert [(each.first, each.second) for each in found] == [("good", "base"), ("good", "noisy"), ("base", "noisy")]
    assert [each.corrected for each in found] == holm([each.p_value for each in found])
    assert found[0].p_value == pytest.approx(1 / 2001)
    assert found[0].corrected == pytest.approx(3 / 2001)


def test_equal_systems_have_a_p_value_of_1() -> None:
    (found,) = compare({"a": _system([0.1, 0.7]), "b": _system([0.1, 0.7])}, rounds=50)
    assert (found.p_value, found.corrected, found.ties, found.detectable) == (1.0, 1.0, 2, 0.0)


def test_a_difference_of_the_detectable_size_is_found_four_times_in_five() -> None:
    generator = np.random.default_rng(9)
    found = 0
    for _ in range(300):
        noise = generator.normal(0, 0.3, 50)
        size = 2.8 * 0.3 / np.sqrt(50)
        (each,) = compare({"a": _system((noise + size).tolist()), "b": _system([0.0] * 50)}, rounds=300)
        found += each.p_value <= 0.05
        assert each.detectable == pytest.approx(size, rel=0.45)
    assert found / 300 == pytest.approx(0.8, abs=0.06)


def test_the_same_seed_gives_the_same_p_value() -> None:
    generator = np.random.default_rng(7)
    values = {name: _system(generator.random(30).tolist()) for name in "ab"}
    assert compare(values, seed=3, rounds=500) == compare(values, seed=3, rounds=500)
    assert compare(values, seed=3, rounds=500)[0].p_value != compare(values, seed=4, rounds=500)[0].p_value


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_is_between_no_correction_and_bonferronis(p_values: list[float]) -> None:
    corrected = holm(p_values)
    for p, found in zip(p_values, corrected, strict=True):
        assert p <= found <= min(1.0, len(p_values) * p) + 1e-12
    ordered = [corrected[i] for i in sorted(range(len(p_values)), key=p_values.__getitem__)]
    assert ordered == sorted(ordered)


def test_two_systems_and_a_round_are_needed() -> None:
    with pytest.raises(InputError, match="only 'a'"):
        compare({"a": _system([0.1])})
    with pytest.raises(InputError, match="0 rounds"):
        compare({"a": _system([0.1]), "b": _system([0.2])}, rounds=0)
