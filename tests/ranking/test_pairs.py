"""What was scored before is not scored again, and nothing is remembered under a key that it does not belong to."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from secondpass import Cancelled, Reranker, load
from secondpass.engine.cache import ScoreCache

DOCUMENTS = ["a bear is an animal", "the river rises", "bears eat fish", ""]


@pytest.fixture(scope="module")
def reranker() -> Iterator[Reranker]:
    with load() as opened:
        yield opened


@pytest.fixture
def cache(reranker: Reranker) -> Iterator[ScoreCache]:
    reranker.cache = ScoreCache()
    yield reranker.cache
    reranker.cache = None


def test_a_second_ranking_is_the_same_and_comes_from_memory(reranker: Reranker, cache: ScoreCache) -> None:
    first = reranker.rank("what is a bear?", DOCUMENTS)
    assert (cache.hits, cache.misses) == (0, 4)
    assert reranker.rank("what is a bear?", DOCUMENTS) == first
    assert (cache.hits, cache.misses) == (4, 4)


def test_only_what_is_new_is_read(reranker: Reranker, cache: ScoreCache) -> None:
    reranker.rank("what is a bear?", DOCUMENTS[:2])
    longer = reranker.rank("what is a bear?", DOCUMENTS)
    assert (cache.hits, cache.misses) == (2, 4)
    reranker.cache = None
    alone = {hit.index: hit.logit for hit in reranker.rank("what is a bear?", DOCUMENTS)}
    assert {hit.index: hit.logit for hit in longer} == pytest.approx(alone, abs=0.02)


@pytest.mark.parametrize(("query", "instruction"), [("what is a river?", None), ("what is a bear?", "about food")])
def test_another_question_is_another_score(
    reranker: Reranker, cache: ScoreCache, query: str, instruction: str | None
) -> None:
    reranker.rank("what is a bear?", DOCUMENTS)
    reranker.rank(query, DOCUMENTS, instruction=instruction)
    assert cache.hits == 0


def test_what_nobody_waits_for_is_given_up(reranker: Reranker) -> None:
    gone = threading.Event()
    gone.set()
    with pytest.raises(Cancelled, match="gone"):
        reranker.rank("what is a bear?", DOCUMENTS * 50, gone=gone.is_set)
    assert len(reranker.rank("what is a bear?", DOCUMENTS, gone=threading.Event().is_set)) == 4
