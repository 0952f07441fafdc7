"""BM25 against its formula, in several scripts."""

from __future__ import annotations

import math
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError, MissingExtra
from secondpass.retrieval.bm25 import K1, B, BM25Index
from secondpass.text.lexical import terms

pytest.importorskip("bm25s")

TEXTS = [
    "Copper conducts electricity better than iron",
    "CREATE TABLE electricityMeter (meter_id INT, copper_price REAL)",
    "東京は日本の首都です",
    "iron iron iron",
    "",
]


def _formula(query: str, texts: list[str]) -> list[float]:
    """Lucene's BM25 term by term: idf · tf / (tf + k1 · (1 − b + b · length / mean length))."""
    bags = [Counter(terms(text)) for text in texts]
    mean = sum(sum(bag.values()) for bag in bags) / len(bags)
    scores = [0.0] * len(texts)
    for term in terms(query):
        frequency = sum(term in bag for bag in bags)
        idf = math.log(1 + (len(bags) - frequency + 0.5) / (frequency + 0.5))
        for i, bag in enumerate(bags):
            if bag[term]:
                length = sum(bag.values())
                scores[i] += idf * bag[term] / (bag[term] + K1 * (1 - B + B * length / mean))
    return scores


_WORDS = st.sampled_from(["iron", "copper", "meter_id", "parseHTTPReply", "首都", "electricity", "9.5", "é"])
_SENTENCES = st.lists(_WORDS, max_size=8).map(" ".join)


@given(texts=st.lists(_SENTENCES, min_size=1, max_size=8), query=_SENTENCES)
def test_scores_follow_the_formula(texts: list[str], query: str) -> None:
    np.testing.assert_allclose(BM25Index(texts).scores(query), _formula(query, texts), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("query", "first"), [("iron", 3), ("conducts electricity", 0), ("meter id", 1), ("日本の首都", 2)]
)
def test_the_matching_document_comes_first_in_any_script(query: str, first: int) -> None:
    assert BM25Index(TEXTS).top(query, 2)[0][0] == first


def test_documents_without_a_shared_term_fill_up_in_order_with_zero() -> None:
    positions, scores = BM25Index(TEXTS).top("conducts", 4)
    assert positions.tolist() == [0, 1, 2, 3]
    assert scores[0] > 0
    assert not scores[1:].any()


@pytest.mark.parametrize("query", ["", "!?", "unheard of"])
def test_a_query_without_a_known_term_gives_the_first_documents(query: str) -> None:
    positions, scores = BM25Index(TEXTS).top(query, 3)
    assert positions.tolist() == [0, 1, 2]
    assert not scores.any()


def test_a_corpus_smaller_than_k_is_given_whole() -> None:
    index = BM25Index(TEXTS)
    assert len(index) == 5
    assert sorted(index.top("iron", 50)[0].tolist()) == [0, 1, 2, 3, 4]


def test_an_empty_corpus_is_refused_and_one_of_empty_texts_is_not() -> None:
    with pytest.raises(InputError, match="corpus is empty"):
        BM25Index([])
    assert BM25Index(["", ""]).top("iron", 1)[0].tolist() == [0]


def test_without_bm25s_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(MissingExtra, match=r"pip install 'secondpass\[eval\]'"):
        BM25Index(TEXTS)
