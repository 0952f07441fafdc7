"""Each way of joining by its formula, computed by hand, and by what holds for all lists."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.models.scorer import Activation, activate, bounded
from secondpass.ranking.fusion import (
    ACTIVATIONS,
    SMOOTHING,
    How,
    Part,
    fuse,
    log_odds,
    min_max,
    ranks,
    reciprocal_rank_fusion,
    z_score,
)

HOWS: tuple[How, ...] = get_args(How)
LOGITS = st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=12)
by_how = pytest.mark.parametrize("how", HOWS)


def part(*logits: float, activation: Activation = "sigmoid", scale: float = 1.0) -> Part:
    return Part(np.array(logits, np.float64), activation, scale)


@st.composite
def lists(draw: st.DrawFn) -> list[Part]:
    """One to four parts over one list."""
    size = draw(st.integers(1, 10))
    values = st.lists(st.floats(0, 1, width=32), min_size=size, max_size=size)
    activations = st.sampled_from(get_args(Activation))
    return [part(*draw(values), activation=draw(activations)) for _ in range(draw(st.integers(1, 4)))]


def test_ranks_count_from_the_best_and_equal_logits_share_the_mean() -> None:
    assert ranks(np.array([0.5, 3.0, 0.5, -1.0, 0.5])).tolist() == [3, 1, 3, 5, 3]
    assert ranks(np.array([2.0, 2.0])).tolist() == [1.5, 1.5]
    assert ranks(np.empty(0)).tolist() == []


def test_reciprocal_ranks_are_summed_with_their_weights() -> None:
    found = fuse([part(3, 2, 1), part(1, 3, 2)], "rrf", [1, 1])
    np.testing.assert_allclose(found, [1 / 61 + 1 / 63, 1 / 62 + 1 / 61, 1 / 63 + 1 / 62], rtol=1e-12)
    found = fuse([part(3, 2, 1), part(1, 3, 2)], "rrf", [0.3, 0.7], k=10)
    np.testing.assert_allclose(found, [0.3 / 11 + 0.7 / 13, 0.3 / 12 + 0.7 / 11, 0.3 / 13 + 0.7 / 12], rtol=1e-12)


def test_whoever_is_not_ranked_gets_nothing() -> None:
    found = reciprocal_rank_fusion([np.array([1, 2, np.inf]), np.array([np.inf, 1, 2])])
    np.testing.assert_allclose(found, [1 / 61, 1 / 62 + 1 / 61, 1 / 62], rtol=1e-12)


def test_sums_that_are_equal_on_paper_are_equal() -> None:
    """1/61 + 1/62 + 1/63 in another order has another last bit, and would no longer be a tie."""
    found = fuse([part(3, 2, 1), part(2, 1, 3), part(1, 3, 2)], "rrf", [1, 1, 1])
    assert len(set(found.tolist())) == 1


def test_log_odds_are_logits_as_they_are_and_those_of_bounded_scores_otherwise() -> None:
    np.testing.assert_array_equal(log_odds(part(-3, 0, 2)), [-3, 0, 2])
    np.testing.assert_array_equal(log_odds(part(-30, 0, 20, activation="identity", scale=10)), [-3, 0, 2])
    ratio = log_odds(part(0, 1, 9, activation="ratio"))
    np.testing.assert_allclose(ratio, [math.log(0.01), math.log(1.01), math.log(9.01)], rtol=1e-12)
    unit = log_odds(part(0, 0.5, 1, activation="unit"))
    np.testing.assert_allclose(unit, [-math.log(101), 0, math.log(101)], rtol=1e-12)


@given(LOGITS, st.sampled_from(get_args(Activation)))
def test_log_odds_are_those_of_the_score_that_a_hit_shows(logits: list[float], activation: Activation) -> None:
    least = {"ratio": 0.0, "unit": 0.0}.get(activation, -10.0)
    values = np.clip(logits, least, 1.0 if activation == "unit" else 10.0)
    score = bounded(values, activation).astype(np.float64)
    found = activate(log_odds(Part(values, activation)), "sigmoid")
    np.testing.assert_allclose(found, score, atol=SMOOTHING)


def test_log_odds_are_averaged_by_weight() -> None:
    found = fuse([part(2, -2), part(8, 0, activation="ratio")], "log-odds", [3, 1])
    np.testing.assert_allclose(found, [(6 + math.log(8.01)) / 4, (-6 + math.log(0.01)) / 4], rtol=1e-12)


def test_min_max_and_z_scores_are_those_of_the_list() -> None:
    np.testing.assert_allclose(min_max(np.array([2.0, 6.0, 3.0])), [0, 1, 0.25])
    np.testing.assert_allclose(z_score(np.array([1.0, 2.0, 3.0])), [-math.sqrt(1.5), 0, math.sqrt(1.5)])
    found = fuse([part(0, 4, 1), part(9, 1, 5)], "min-max", [1, 3])
    np.testing.assert_allclose(found, [0.75, 0.25, (0.25 + 1.5) / 4])
    found = fuse([part(1, 2, 3), part(30, 20, 10)], "z-score", [3, 1])
    np.testing.assert_allclose(found, [-math.sqrt(1.5) / 2, 0, math.sqrt(1.5) / 2], atol=1e-12)


@pytest.mark.parametrize("value", [0.1, -7.3, 1e30, 5e-324])
@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_lists_without_a_difference_are_0_after_normalisation(value: float, count: int) -> None:
    logits = np.full(count, value)
    assert not min_max(logits).any()
    assert not z_score(logits).any()


def test_differences_that_are_hardly_there_are_normalised_without_a_warning() -> None:
    np.testing.assert_allclose(z_score(np.array([1.0, 1.0 + 2e-16])), [-1, 1])
    np.testing.assert_allclose(z_score(np.array([0.0, 5e-324])), [-1, 1])
    np.testing.assert_allclose(min_max(np.array([-3e38, 3e38])), [0, 1])
    assert len(min_max(np.empty(0))) == len(z_score(np.empty(0))) == 0


@by_how
@given(logits=LOGITS)
def test_one_part_keeps_its_order(how: How, logits: list[float]) -> None:
    found = fuse([part(*logits)], how, [2.5])
    for a, first in enumerate(logits):
        for b, second in enumerate(logits):
            assert (
                found[a] == found[b]
                if first == second
                else (found[a] <= found[b]) == (first < second)
                or (
                    how != "rrf" and found[a] == found[b]  # a difference below what a float can hold
                )
            )


@by_how
@given(parts=lists(), factor=st.floats(0.01, 100))
def test_the_scale_of_the_weights_does_not_move_the_order(how: How, parts: list[Part], factor: float) -> None:
    weights = [1.0 + number for number in range(len(parts))]
    once = fuse(parts, how, weights)
    scaled = fuse(parts, how, [factor * weight for weight in weights])
    np.testing.assert_allclose(scaled, factor * once if how == "rrf" else once, rtol=1e-9, atol=1e-9)


@by_how
@given(parts=lists(), data=st.data())
def test_the_order_of_the_documents_and_of_the_parts_moves_nothing(
    how: How, parts: list[Part], data: st.DataObject
) -> None:
    found = fuse(parts, how, [1.0] * len(parts))
    order = data.draw(st.permutations(range(len(found))))
    moved = fuse([Part(each.logits[order], each.activation) for each in parts], how, [1.0] * len(parts))
    np.testing.assert_allclose(moved, found[order], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(fuse(parts[::-1], how, [1.0] * len(parts)), found)


@by_how
@given(parts=lists())
def test_whoever_is_nowhere_behind_is_not_behind(how: How, parts: list[Part]) -> None:
    found = fuse(parts, how, [1.0] * len(parts))
    for a in range(len(found)):
        for b in range(len(found)):
            if all(each.logits[a] >= each.logits[b] for each in parts):
                assert found[a] >= found[b] - 1e-12


@by_how
@given(parts=lists())
def test_scores_lie_between_0_and_1(how: How, parts: list[Part]) -> None:
    scores = bounded(fuse(parts, how, [1.0] * len(parts)), ACTIVATIONS[how])
    assert ((scores >= 0) & (scores <= 1)).all()


@by_how
def test_a_part_that_weighs_nothing_moves_nothing(how: How) -> None:
    alone = fuse([part(1, 3, 2)], how, [1])
    np.testing.assert_allclose(fuse([part(1, 3, 2), part(9, 0, 5)], how, [1, 0]), alone, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"how": "sum"}, "how='sum': choose one of rrf, log-odds"),
        ({"weights": [1.0]}, "1 weights for 2 parts"),
        ({"weights": [1.0, -2.0]}, r"-2\.0: give 0 or more"),
        ({"weights": [1.0, math.nan]}, "nan"),
        ({"weights": [1.0, math.inf]}, "inf"),
        ({"weights": [0.0, 0.0]}, "at least one part more than 0"),
        ({"k": -1}, "k is -1"),
    ],
)
def test_what_cannot_be_joined_by_is_refused(options: dict[str, Any], named: str) -> None:
    given_ = {"how": "rrf", "weights": [1.0, 1.0], "k": 60, **options}
    with pytest.raises(InputError, match=named):
        fuse([part(1, 2), part(2, 1)], given_["how"], given_["weights"], k=given_["k"])
