"""Reciprocal-rank fusion by its formula."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.evaluation.fusion import reciprocal_rank_fusion


def test_a_document_gets_one_over_sixty_plus_its_rank_from_every_ranking() -> None:
    fused = reciprocal_rank_fusion([["a", "b", "c"], ["b", "d"]])
    assert fused == pytest.approx({"b": 1 / 62 + 1 / 61, "a": 1 / 61, "d": 1 / 62, "c": 1 / 63})
    assert list(fused) == ["b", "a", "d", "c"]


def test_equal_sums_keep_the_order_of_first_appearance() -> None:
    assert list(reciprocal_rank_fusion([["x", "a"], ["a", "x"]])) == ["x", "a"]


def test_a_smaller_k_gives_the_first_places_more_weight() -> None:
    rankings = [["a", "b", "c"], ["c", "b", "d"], ["a", "d", "b"]]
    gap = {k: reciprocal_rank_fusion(rankings, k=k) for k in (0, 60)}
    assert gap[0]["a"] / gap[0]["b"] > gap[60]["a"] / gap[60]["b"]


@given(st.lists(st.permutations(list(range(8))), min_size=1, max_size=4))
def test_whoever_is_ahead_everywhere_is_ahead(rankings: list[list[int]]) -> None:
    fused = list(reciprocal_rank_fusion(rankings))
    assert sorted(fused) == list(range(8))
    for a in range(8):
        for b in range(8):
            if all(ranking.index(a) < ranking.index(b) for ranking in rankings):
                assert fused.index(a) < fused.index(b)


def test_the_rankings_are_left_as_they_are() -> None:
    rankings = [["b", "a"], ["a", "c"]]
    reciprocal_rank_fusion(rankings)
    assert rankings == [["b", "a"], ["a", "c"]]


def test_a_repeated_document_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="'b' stands twice"):
        reciprocal_rank_fusion([["a", "b", "b"]])


def test_a_negative_k_is_refused() -> None:
    with pytest.raises(InputError, match="k is -1"):
        reciprocal_rank_fusion([["a"]], k=-1)
