import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from secondpass import Document, Limits, Reranker, load
from secondpass.errors import InputError
from secondpass.models.scorer import Declared, Piece, Reading
from secondpass.text.encode import cut
from secondpass.types import AnyDocument


class Overlap:
    """A pair scorer without weights: a chunk's logit is the number of query letters in it, minus 2."""

    declared = Declared("overlap", "1", renderer=1, max_tokens=16)
    queries_read = 0

    def read(self, query: str, instruction: str | None, limits: Limits) -> Callable[[Sequence[str]], list[Reading]]:
        self.queries_read += 1
        wanted = set(query + (instruction or "")) - {" "}
        room = limits.max_tokens or 16

        def documents(texts: Sequence[str]) -> list[Reading]:
            return [self._reading(wanted, text, room, limits) for text in texts]

        return documents

    def logits(self, pieces: Sequence[Piece]) -> NDArray[np.float32]:
        return np.array([len(wanted & set(part)) - 2 for wanted, part in (p.inputs for p in pieces)], np.float32)

    def close(self) -> None:
        pass

    @staticmethod
    def _reading(wanted: set[str], text: str, room: int, limits: Limits) -> Reading:
        spans = cut(len(text), room, limits)
        return Reading(
            tuple(Piece(s.stop - s.start, (wanted, text[s])) for s in spans),
            len(text),
            limits.policy == "truncate" and len(text) > room,
        )


@pytest.fixture
def reranker() -> Iterator[Reranker]:
    with Reranker(Overlap()) as made:
        yield made


def test_best_comes_first_and_ties_keep_the_given_order(reranker: Reranker) -> None:
    ranking = reranker.rank("abc", ["a", "abc", "b", "xyz", "c"])
    assert [hit.index for hit in ranking] == [1, 0, 2, 4, 3]
    assert [hit.logit for hit in ranking] == [1, -1, -1, -1, -2]
    assert ranking[0].score == pytest.approx(1 / (1 + math.exp(-1)))


def test_score_gives_the_callers_order_as_float32_between_0_and_1(reranker: Reranker) -> None:
    scores = reranker.score("abc", ["a", "abc", "zzz"])
    assert scores.dtype == np.float32
    assert scores.shape == (3,)
    assert scores[1] > scores[0] > scores[2] > 0


def test_nothing_to_rank_gives_an_empty_ranking(reranker: Reranker) -> None:
    assert len(reranker.rank("abc", [])) == 0
    assert reranker.score("abc", []).shape == (0,)
    assert reranker.rank_many([], []) == []


def test_an_empty_document_among_good_ones_is_ranked_like_any(reranker: Reranker) -> None:
    ranking = reranker.rank("abc", ["ab", "", "abc"])
    assert [hit.index for hit in ranking] == [2, 0, 1]


def test_top_n_and_min_score_leave_the_rest_out(reranker: Reranker) -> None:
    documents = ["a", "ab", "abc", ""]
    assert [h.index for h in reranker.rank("abc", documents, top_n=2)] == [2, 1]
    assert [h.index for h in reranker.rank("abc", documents, min_score=0.4)] == [2, 1]
    assert len(reranker.rank("abc", documents, top_n=99)) == 4
    with pytest.raises(InputError, match="top_n=0"):
        reranker.rank("abc", documents, top_n=0)


def test_hits_hold_the_callers_own_documents(reranker: Reranker) -> None:
    documents: list[AnyDocument] = [Document("abc", id="x"), {"text": "ab", "id": "y"}, "a"]
    ranking = reranker.rank("abc", documents)
    assert [hit.document for hit in ranking] == documents
    assert [hit.id for hit in ranking] == ["x", "y", None]


def test_what_was_cut_is_reported() -> None:
    with Reranker(Overlap()) as reranker:
        (hit,) = reranker.rank("b", ["a" * 20 + "b"])
        assert (hit.tokens, hit.truncated, hit.chunks, hit.logit) == (21, True, 1, -2)
    with Reranker(Overlap(), limits=Limits(policy="chunk")) as reranker:
        (hit,) = reranker.rank("b", ["a" * 20 + "b"])
        assert (hit.tokens, hit.truncated, hit.chunks, hit.logit) == (21, False, 2, -1)
    with Reranker(Overlap(), limits=Limits(policy="chunk", aggregate="mean")) as reranker:
        assert reranker.rank("b", ["a" * 20 + "b"])[0].logit == -1.5
    with (
        Reranker(Overlap(), limits=Limits(policy="error")) as reranker,
        pytest.raises(InputError, match="21 tokens"),
    ):
        reranker.rank("b", ["a" * 20 + "b"])


def test_a_document_that_is_refused_is_named_by_its_place() -> None:
    long = "a" * 20
    with Reranker(Overlap(), limits=Limits(policy="error")) as reranker:
        with pytest.raises(InputError, match=r"^documents\[1\]: .*20 tokens"):
            reranker.rank("b", ["a", long])
        with pytest.raises(InputError, match=r"^queries\[1\]: documents\[0\]: .*20 tokens"):
            reranker.rank_many(["b", "c"], [["a"], [long]])
        with pytest.raises(InputError, match=r"^pairs\[2\]: .*20 tokens"):
            reranker.predict([("b", "a"), ("c", "a"), ("b", long)])


def test_documents_are_rendered_as_the_model_declares() -> None:
    class Later(Overlap):
        declared = Declared("later", "1", renderer=99, max_tokens=16)

    with Reranker(Later()) as reranker, pytest.raises(InputError, match="renderer of version 99"):
        reranker.rank("a", ["a"])


def test_a_cutoff_that_cannot_be_is_refused_before_anything_is_read() -> None:
    scorer = Overlap()
    with Reranker(scorer) as reranker:
        for options in ({"top_n": 0}, {"min_score": 1.5}):
            with pytest.raises(InputError, match=next(iter(options))):
                reranker.rank("a", ["a"], **options)
    assert scorer.queries_read == 0


def test_an_instruction_reaches_the_model(reranker: Reranker) -> None:
    assert reranker.rank("a", ["a", "ab"])[0].index == 0
    assert reranker.rank("a", ["a", "ab"], instruction="b")[0].index == 1


def test_many_queries_share_one_run_and_keep_their_order(reranker: Reranker) -> None:
    rankings = reranker.rank_many(["ab", "xy"], [["a", "ab"], ["xy", "x", "q"]], instructions=[None, "q"])
    assert [[h.index for h in ranking] for ranking in rankings] == [[1, 0], [0, 1, 2]]
    assert [ranking.query for ranking in rankings] == ["ab", "xy"]
    alone = reranker.rank("xy", ["xy", "x", "q"], instruction="q")
    assert [h.logit for h in alone] == [h.logit for h in rankings[1]]


def test_rank_many_says_what_does_not_match(reranker: Reranker) -> None:
    with pytest.raises(InputError, match="2 queries, 1 candidate lists"):
        reranker.rank_many(["a", "b"], [["a"]])


def test_predict_is_cross_encoders(reranker: Reranker) -> None:
    scores = reranker.predict([("abc", "abc"), ("xy", "x"), ("abc", "")], batch_size=1, show_progress_bar=False)
    assert scores.dtype == np.float32
    assert scores.tolist() == pytest.approx([1 / (1 + math.exp(-x)) for x in (1, -1, -2)])
    assert reranker.predict(("abc", "abc")) == pytest.approx(scores[0])
    assert reranker.predict([["abc", "abc"]], activation_fn=lambda logits: logits).tolist() == [1]


def test_predict_reads_a_repeated_query_once() -> None:
    scorer = Overlap()
    with Reranker(scorer) as reranker:
        reranker.predict([("abc", "a"), ("xy", "x"), ("abc", "b")])
    assert scorer.queries_read == 2


def test_predict_says_which_pair_is_none(reranker: Reranker) -> None:
    with pytest.raises(InputError, match=r"pairs\[1\]"):
        reranker.predict([("a", "b"), "a"])


def test_arank_keeps_the_event_loop_free() -> None:
    class Slow(Overlap):
        def logits(self, pieces: Sequence[Piece]) -> NDArray[np.float32]:
            time.sleep(0.3)
            return super().logits(pieces)

    async def both() -> tuple[int, int]:
        ticks = 0
        with Reranker(Slow()) as reranker:
            asked = asyncio.ensure_future(reranker.arank("abc", ["a", "abc"], top_n=1))
            while not asked.done():
                ticks += 1
                await asyncio.sleep(0.01)
            return ticks, (await asked)[0].index

    ticks, best = asyncio.run(both())
    assert ticks >= 5
    assert best == 1


def test_several_threads_may_use_one_reranker(reranker: Reranker) -> None:
    found: list[list[int]] = []

    def ask() -> None:
        found.append([hit.index for hit in reranker.rank("abc", ["a", "abc", "ab"])])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[1, 2, 0]] * 8


def test_a_closed_reranker_says_so() -> None:
    reranker = Reranker(Overlap())
    reranker.close()
    reranker.close()
    with pytest.raises(InputError, match="closed"):
        reranker.rank("a", ["a"])


def test_a_list_scorer_is_asked_for_the_whole_list() -> None:
    with load("bm25") as reranker:
        ranking = reranker.rank("red fox", ["the red fox", "the dog", "red red red"])
    assert ranking[0].index == 0
    assert ranking[-1].logit == 0
    assert {hit.index: hit.tokens for hit in ranking} == {0: 3, 1: 2, 2: 3}
    assert all(0 <= hit.score < 1 for hit in ranking)


def test_a_query_has_the_tokens_of_the_same_text_as_a_document_and_nothing_is_read_to_count_them() -> None:
    with load() as embedded:
        text = "Refunds take five working days, naïvely."
        assert embedded.count_tokens(text) == embedded.rank("when?", [text], progress=False)[0].tokens
    with Reranker(counted := Overlap()) as without_a_tokenizer:
        assert without_a_tokenizer.count_tokens("nine byte") == 3
        assert counted.queries_read == 0
