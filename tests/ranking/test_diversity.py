from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass import Hit, InputError, Ranking, load
from secondpass.ranking.diversity import diversify
from secondpass.ranking.likeness import Shingles

APPLE = ["apples are red and sweet", "apples are red and very sweet", "apples are sweet and red"]
PEAR = "pears are green"
WORDS = st.lists(st.sampled_from(["red", "green", "sweet", "sour", "apple", "pear"]), max_size=4).map(" ".join)
HITS = st.lists(st.tuples(st.floats(-20, 20), WORDS), max_size=12)


def ranking(hits: list[tuple[float, str]]) -> Ranking:
    ordered = sorted(enumerate(hits), key=lambda each: (-each[1][0], each[0]))
    return Ranking("q", tuple(Hit(i, 1 / (1 + math.exp(-x)), x, text, 1) for i, (x, text) in ordered), "m")


def test_what_says_the_same_makes_room() -> None:
    found = diversify(ranking([(3.0, APPLE[0]), (2.9, APPLE[1]), (2.8, APPLE[2]), (2.5, PEAR), (-5.0, "the sea")]))
    assert [hit.index for hit in found][:2] == [0, 3]
    assert [hit.index for hit in found][-1] == 4  # however different it is
    assert found[1].signals == {}
    assert found[2].signals["diversity"] == pytest.approx(2.5 - 2.9, abs=1e-5)


def test_it_is_the_formula_of_the_paper() -> None:
    hits = [(4.0, "a b"), (3.0, "a b c"), (2.0, "d"), (0.0, "e")]
    # Second: .7 · 3/4 - .3 · 2/3 = .325 for "a b c", .7 · 2/4 - 0 = .35 for "d".
    assert [hit.index for hit in diversify(ranking(hits), weight=0.7)] == [0, 2, 1, 3]
    assert [hit.index for hit in diversify(ranking(hits), weight=0.8)] == [0, 1, 2, 3]


@given(HITS, st.floats(0, 1), st.integers(1, 15))
def test_no_hit_is_lost_and_logits_are_what_hits_are_sorted_by(
    hits: list[tuple[float, str]], weight: float, top_n: int
) -> None:
    before = ranking(hits)
    after = diversify(before, weight=weight, top_n=top_n)
    assert sorted(hit.index for hit in after) == list(range(len(hits)))
    for numbers in ([hit.logit for hit in after], [hit.score for hit in after]):
        assert numbers == sorted(numbers, reverse=True)
    own = {hit.index: hit.logit for hit in before}
    for hit in after:
        assert hit.logit - hit.signals.get("diversity", 0.0) == pytest.approx(own[hit.index], abs=1e-9)
        assert hit.logit <= own[hit.index]
    if hits:
        assert after[0].index == before[0].index or weight == 0
    assert [hit.index for hit in diversify(before, weight=1.0, top_n=top_n)] == [hit.index for hit in before]


@given(HITS, st.integers(1, 12))
def test_those_behind_the_top_keep_their_order(hits: list[tuple[float, str]], top_n: int) -> None:
    before = [hit.index for hit in ranking(hits)]
    rest = [hit.index for hit in diversify(ranking(hits), top_n=top_n, weight=0.5)][top_n:]
    assert rest == [index for index in before if index in rest]


def test_an_encoder_says_how_alike_documents_are_that_share_no_word() -> None:
    hits = [(3.0, "The film was great."), (2.9, "An excellent movie."), (2.8, "Wash it at 40 degrees."), (0.0, "x")]
    assert [hit.index for hit in diversify(ranking(hits), alike=Shingles(1), weight=0.6)][:2] == [0, 1]
    with load("embedded-cosine") as encoder:
        assert [hit.index for hit in diversify(ranking(hits), alike=encoder.score, weight=0.6)][:2] == [0, 2]


@pytest.mark.parametrize(("options", "named"), [({"top_n": 0}, "top_n=0"), ({"weight": 1.5}, r"weight=1\.5")])
def test_what_makes_no_sense_is_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        diversify(ranking([]), **options)
