"""What hits tell of the parts of a document that were read, and queries that are read in parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import get_args

import pytest

from secondpass import InputError, Limits, Ranking, Reranker, load
from secondpass.engine.cache import ScoreCache
from secondpass.ranking.passages import chunks_of
from secondpass.text.chunk import Chunk
from secondpass.text.encode import Aggregate, aggregate
from tests.ranking.test_reranker import Overlap

HAY = "The committee met again and spoke of nothing in particular. "
NEEDLE = "Grüße 👩\u200d🚀: the bridge will reopen in May. "
LONG = HAY * 40 + NEEDLE + HAY * 40
DOCUMENTS = [LONG, "The bridge is closed.", ""]
QUERY = "when does the bridge reopen?"


@pytest.fixture(scope="module")
def chunking() -> Iterator[Reranker]:
    with load(policy="chunk", chunk_by="sentences", max_tokens=128, overlap=16) as reranker:
        yield reranker


@pytest.fixture(scope="module")
def ranking(chunking: Reranker) -> Ranking:
    return chunking.rank(QUERY, DOCUMENTS)


def by_index(ranking: Ranking, index: int) -> int:
    return next(place for place, hit in enumerate(ranking) if hit.index == index)


def test_the_best_passage_of_a_long_document_is_the_one_that_answers(ranking: Ranking) -> None:
    hit = ranking[by_index(ranking, 0)]
    assert hit.span is not None
    assert hit.passage == LONG[slice(*hit.span)]
    assert NEEDLE.strip() in hit.passage
    assert len(hit.passage) < 1000
    best = max(hit.passages, key=lambda passage: passage.logit)
    assert (best.start, best.end, best.logit, best.score) == (*hit.span, hit.logit, hit.score)


def test_every_chunk_is_told_in_reading_order_and_whole_sentences_with_its_score(ranking: Ranking) -> None:
    hit = ranking[by_index(ranking, 0)]
    assert len(hit.passages) == hit.chunks > 5
    assert [passage.start for passage in hit.passages] == sorted(passage.start for passage in hit.passages)
    for passage in hit.passages:
        assert LONG[passage.start : passage.end].startswith(("The committee", "Grüße"))
        assert LONG[passage.start : passage.end].endswith(".")
        assert 0 <= passage.score <= 1
    assert json.loads(json.dumps(hit.to_dict()))["passages"][0].keys() == {"start", "end", "score", "logit"}


def test_what_was_read_in_one_piece_is_its_own_span(ranking: Ranking) -> None:
    assert [(hit.span, hit.passage, hit.passages) for hit in ranking if hit.index] == [
        ((0, len(DOCUMENTS[hit.index])), None, ()) for hit in ranking if hit.index
    ]


def test_of_a_document_that_was_cut_the_span_is_what_was_read() -> None:
    with load(max_tokens=32) as reranker:
        hit = reranker.rank(QUERY, [LONG])[0]
        assert hit.truncated
        assert hit.span is not None
        assert hit.span[0] == 0
        assert hit.passage == LONG[: hit.span[1]]
        assert hit.passages == ()
        assert reranker.rank(QUERY, [hit.passage])[0].tokens == 30  # two of the 32 are special


def test_a_ranking_shows_the_passage_and_not_where_the_text_begins(ranking: Ranking) -> None:
    hit = ranking[by_index(ranking, 0)]
    assert hit.passage is not None
    assert hit.passage[:40] in str(ranking)


def test_what_comes_from_memory_tells_the_same(chunking: Reranker, ranking: Ranking) -> None:
    chunking.cache = ScoreCache()
    try:
        first, second = (chunking.rank(QUERY, DOCUMENTS) for _ in range(2))
        assert chunking.cache.hits == 3
    finally:
        chunking.cache = None
    assert first == second
    assert [hit.span for hit in second] == [hit.span for hit in ranking]


def test_a_list_scorer_tells_of_no_spans() -> None:
    with load("bm25") as reranker:
        assert all(hit.span is None and not hit.passages for hit in reranker.rank("bridge", DOCUMENTS))


def test_chunks_can_be_handed_on_by_what_is_made_of_rerankers(ranking: Ranking) -> None:
    long, short = ranking[by_index(ranking, 0)], ranking[by_index(ranking, 1)]
    assert chunks_of(long) == [Chunk(p.start, p.end, p.logit) for p in long.passages]
    assert chunks_of(short) == []
    assert chunks_of(None) is None


# queries in parts

QUESTIONS = "Who wrote the first report on the weather? When does the bridge reopen? What is served at lunch?"


@pytest.fixture(scope="module")
def splitting() -> Iterator[Reranker]:
    with load(query_policy="chunk", max_query_tokens=13, chunk_by="sentences", policy="chunk", max_tokens=128) as made:
        yield made


def test_of_a_long_query_the_part_counts_that_fits_best(splitting: Reranker, chunking: Reranker) -> None:
    parts = [f"{part}?".strip() for part in QUESTIONS.split("?") if part]
    whole = {hit.index: hit for hit in splitting.rank(QUESTIONS, DOCUMENTS)}
    with load(policy="chunk", chunk_by="sentences", max_tokens=128) as reranker:
        alone = [{hit.index: hit for hit in reranker.rank(part, DOCUMENTS)} for part in parts]
    for index, hit in whole.items():
        best = max((each[index] for each in alone), key=lambda one: one.logit)
        assert hit.logit == pytest.approx(best.logit, abs=0.02)
        assert (hit.chunks, hit.span) == (best.chunks, best.span)


def test_a_short_query_is_read_whole_and_scores_as_ever(splitting: Reranker) -> None:
    with load(chunk_by="sentences", policy="chunk", max_tokens=128) as reranker:
        expected = reranker.score("when?", DOCUMENTS)
    assert splitting.score("when?", DOCUMENTS) == pytest.approx(expected, abs=1e-3)


def test_a_query_longer_than_the_model_reads_is_refused_unless_it_may_be_split() -> None:
    long = QUESTIONS * 40
    with load() as reranker, pytest.raises(InputError, match="query has"):
        reranker.rank(long, DOCUMENTS)
    with load(query_policy="chunk") as reranker:
        assert len(reranker.rank(long, DOCUMENTS)) == 3


def test_a_model_that_cannot_split_a_query_says_so() -> None:
    with (
        Reranker(Overlap(), limits=Limits(query_policy="chunk")) as reranker,
        pytest.raises(InputError, match='query_policy="chunk": overlap cannot'),
    ):
        reranker.rank("a", ["a"])


@pytest.mark.parametrize("how", get_args(Aggregate))
def test_each_aggregate_is_made_of_the_chunks_that_are_told(how: Aggregate) -> None:
    with load(policy="chunk", aggregate=how, max_tokens=128, best_chunks=2) as reranker:
        hit = reranker.rank(QUERY, [LONG])[0]
    assert hit.logit == pytest.approx(aggregate([passage.logit for passage in hit.passages], how, 2), abs=1e-6)
