from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass import InputError
from secondpass.ranking.likeness import Shingles
from secondpass.text.lexical import terms

TEXTS = st.lists(st.text("ab cé東", max_size=30), min_size=1, max_size=8)


def sets(text: str, words: int) -> set[tuple[str, ...]]:
    found = terms(text)
    return {tuple(found[i : i + words]) for i in range(len(found) - words + 1)} or {tuple(found)}


@given(TEXTS, st.integers(1, 4))
def test_it_is_jaccards_share_of_the_sets(texts: list[str], words: int) -> None:
    shingles = Shingles(words)
    for text in texts:
        own = sets(text, words)
        expected = [len(own & sets(other, words)) / len(own | sets(other, words)) for other in texts]
        np.testing.assert_allclose(shingles(text, texts), expected)


def test_two_orders_of_the_same_words_differ_by_their_shingles_alone() -> None:
    assert Shingles(1)("the dog bites the man", ["the man bites the dog"]) == 1
    assert Shingles(3)("the dog bites the man", ["the man bites the dog"]) == 0


def test_texts_without_words_are_alike() -> None:
    assert Shingles()("", ["", "...", "a"]).tolist() == [1, 1, 0]
    assert len(Shingles()("a", [])) == 0


def test_scripts_without_spaces_are_read_by_pairs_of_characters() -> None:
    assert 0.5 < Shingles(1)("東京都の天気予報", ["東京都の天気予想"])[0] < 1


def test_a_shingle_has_words() -> None:
    with pytest.raises(InputError, match="words=0"):
        Shingles(0)
