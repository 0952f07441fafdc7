from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass import Document, Hit, InputError, Ranking
from secondpass.ranking.duplicates import collapse
from secondpass.ranking.likeness import Shingles
from secondpass.types import AnyDocument

NEWS = "The council voted on Tuesday to close the old harbour bridge to lorries until it has been repaired"


def ranking(documents: list[AnyDocument]) -> Ranking:
    return Ranking("q", tuple(Hit(i, 0.5, float(-i), text, 1) for i, text in enumerate(documents)), "m")


def test_the_best_stays_and_names_those_it_stands_for() -> None:
    found = collapse(ranking([NEWS, "The sea is deep.", NEWS + ".", Document(NEWS), NEWS.upper(), "The sea is wide."]))
    assert [(hit.index, hit.duplicates) for hit in found] == [(0, (2, 3, 4)), (1, ()), (5, ())]
    assert [hit.logit for hit in found] == [0.0, -1.0, -5.0]


def test_similarity_says_how_much_has_to_be_the_same() -> None:
    edited = NEWS.replace("Tuesday", "Wednesday")
    assert len(collapse(ranking([NEWS, edited]))) == 2
    assert len(collapse(ranking([NEWS, edited]), similarity=0.6)) == 1


def test_a_title_tells_documents_apart_that_have_the_same_text() -> None:
    titled: list[AnyDocument] = [Document("In stock.", title="A red tent"), Document("In stock.", title="A stove")]
    assert len(collapse(ranking(titled))) == 2


@given(st.lists(st.text("ab ", max_size=6), max_size=15), st.floats(0.1, 1))
def test_every_document_stays_or_is_named_once(texts: list[str], similarity: float) -> None:
    found = collapse(ranking(list(texts)), similarity=similarity)
    assert sorted(index for hit in found for index in (hit.index, *hit.duplicates)) == list(range(len(texts)))
    alike = Shingles()
    for place, hit in enumerate(found):
        assert all(alike(hit.text, [texts[index]])[0] >= similarity for index in hit.duplicates)
        assert all(alike(hit.text, [other.text])[0] < similarity for other in found[:place])
    assert collapse(found, similarity=similarity) == found


def test_a_thousand_documents_take_no_minute() -> None:
    generator = np.random.default_rng(0)
    words = [f"w{i}" for i in range(5000)]
    texts: list[AnyDocument] = [" ".join(generator.choice(words, 120)) for _ in range(1000)]
    began = time.perf_counter()
    assert len(collapse(ranking(texts))) == 1000
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize("similarity", [0, 1.01, -1])
def test_a_similarity_is_a_share(similarity: float) -> None:
    with pytest.raises(InputError, match="similarity="):
        collapse(ranking([]), similarity=similarity)
