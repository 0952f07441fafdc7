"""First-stage evidence: standard deviations above the list, or log-odds; given beside the documents or in them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.ranking.candidates import Candidates
from secondpass.ranking.signals.combine import combine
from secondpass.ranking.signals.first_stage import FirstStage, Kind

from .conftest import Listed


def test_scores_count_by_their_place_in_the_list(listed: Listed) -> None:
    seen = listed([{"_score": 12.0}, {"_score": 8.0}, {}, {"_score": 10.0}])
    z = 2 / math.sqrt(8 / 3)
    np.testing.assert_allclose(FirstStage().values(seen), [math.tanh(z / 2), -math.tanh(z / 2), 0, 0], atol=1e-12)


@pytest.mark.parametrize(("kind", "scores"), [("score", [3, 2, 1]), ("distance", [0.1, 0.2, 0.3]), ("rank", [1, 2, 3])])
def test_every_kind_puts_the_retrievers_best_first(kind: Kind, scores: list[float], listed: Listed) -> None:
    values = FirstStage(kind=kind, scores=scores).values(listed([{}, {}, {}]))
    assert values[0] > values[1] > values[2]


def test_probabilities_are_log_odds_already(listed: Listed) -> None:
    values = FirstStage(kind="probability", scores=[0.5, 0.75, 1, None, 3]).values(listed([{}] * 5))
    np.testing.assert_allclose(values, [0, math.log(3) / 3, 1, 0, 0], atol=1e-12)


def test_equal_scores_say_nothing(listed: Listed) -> None:
    assert FirstStage(scores=[7, 7, None]).values(listed([{}] * 3)).tolist() == [0, 0, 0]


@given(st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=8), st.floats(0.5, 100))
def test_the_retrievers_scale_does_not_matter(scores: list[float], factor: float) -> None:
    seen = Candidates("q", None, [""] * len(scores), [""] * len(scores), np.zeros(len(scores)))
    values = FirstStage(scores=scores).values(seen)
    scaled = FirstStage(scores=[score / 1000 * factor for score in scores]).values(seen)
    assert np.all(np.abs(values) <= 1)
    np.testing.assert_allclose(values, scaled, atol=1e-6)


def test_a_document_that_the_model_finds_nothing_in_is_moved_all_the_same(listed: Listed) -> None:
    seen = listed([{"score": 1}, {"score": 2}, {"score": 9}], [4.0, 3.5, -6.0])
    assert combine([FirstStage(weight=0.5)], seen)[1]["first_stage"][2] > 0.3


def test_a_number_of_scores_that_does_not_fit_is_refused(listed: Listed) -> None:
    with pytest.raises(InputError, match="2 first-stage scores for 3 documents"):
        FirstStage(scores=[1, 2]).values(listed([{}] * 3))
    with pytest.raises(InputError, match="choose one of score, distance, rank, probability"):
        FirstStage(kind="cosine")  # type: ignore[arg-type]
