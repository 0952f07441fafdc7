from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.models.listwise.passage import CHARACTERS_A_WORD, Passage, cut


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("one  two\nthree", 3, Passage("one two three", False)),
        ("one two three", 2, Passage("one two", True)),
        ("as shown in [12] and [3]", 9, Passage("as shown in (12) and (3)", False)),
        ("[a] [] [1", 9, Passage("[a] [] [1", False)),
        ("", 5, Passage("", False)),
        ("東" * 25, 2, Passage("東" * 20, True)),
        ("a" + " b" * 3 + " " + "c" * 60, 5, Passage("a b b b", True)),
    ],
)
def test_a_passage_is_cut_by_words(text: str, most: int, expected: Passage) -> None:
    assert cut(text.split(), most) == expected


@given(st.text(), st.integers(1, 30))
def test_no_passage_is_longer_than_its_share(text: str, most: int) -> None:
    passage = cut(text.split(), most)
    assert len(passage.text.split()) <= most
    assert len(passage.text) <= most * CHARACTERS_A_WORD
    assert "\n" not in passage.text
