"""Hybrids of real models, and of scorers whose logits are given."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, get_args

import numpy as np
import pytest

import secondpass
from secondpass import Document, HostedAPIError, Hybrid, InputError, ModelError, Reranker, UnknownModel, load
from secondpass.models.scorer import Activation, Declared, Listed
from secondpass.ranking.fusion import How
from secondpass.ranking.hybrid import HybridScorer
from secondpass.ranking.request import Request
from secondpass.text.encode import Limits
from secondpass.types import AnyDocument
from tests.hosted.server import Server, Told, cohere

DOCUMENTS: list[AnyDocument] = ["cats purr", "dogs bark at night", "the bark of a tree", "", "a dog, a cat"]
QUERY = "which animals bark?"
HOWS: tuple[How, ...] = get_args(How)
by_how = pytest.mark.parametrize("how", HOWS)


class Given:
    """A list scorer whose logits are told ahead, by document; keeps what it was asked."""

    def __init__(
        self,
        logits: Mapping[str, float],
        name: str = "given",
        *,
        activation: Activation = "sigmoid",
        instructions: Literal["slot", "joined", "ignored"] = "joined",
        renderer: int = 1,
        max_tokens: int | None = None,
        error: Exception | None = None,
        degraded: bool = False,
    ) -> None:
        self.declared = Declared(
            name, f"{name}@1", renderer, max_tokens, activation=activation, instructions=instructions
        )
        self.asked: list[tuple[str, str | None]] = []
        self.closed = 0
        self.error = error
        self._logits = logits
        self._degraded = degraded

    def score(self, query: str, documents: Sequence[str], instruction: str | None, limits: Limits) -> Listed:
        self.asked.append((query, instruction))
        if self.error is not None:
            raise self.error
        logits = np.array([self._logits.get(document, 0.0) for document in documents], np.float32)
        tokens = [len(document) for document in documents]
        return Listed(logits, tokens, [size > 5 for size in tokens], self._degraded)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(scope="module")
def hybrid() -> Iterator[Reranker]:
    with load("hybrid(bm25, embedded)") as made:
        yield made


def order(reranker: Reranker, documents: Sequence[AnyDocument] = DOCUMENTS) -> list[int]:
    return [hit.index for hit in reranker.rank(QUERY, documents)]


@by_how
def test_its_name_and_its_python_form_rank_alike(how: How) -> None:
    with load(f"hybrid({how}: bm25=0.3, embedded=0.7)") as named, Hybrid(["bm25", "embedded"], [0.3, 0.7], how) as made:
        first, second = named.rank(QUERY, DOCUMENTS), made.rank(QUERY, DOCUMENTS)
        assert first == second
        assert named.declared == made.declared
        with load(named.name) as again:  # its name is one that can be loaded
            assert again.rank(QUERY, DOCUMENTS) == first


@by_how
@pytest.mark.parametrize("name", ["bm25", "embedded"])
def test_of_one_part_it_has_that_parts_order(how: How, name: str) -> None:
    with load(name) as alone, load(f"hybrid({how}: {name})") as hybrid:
        assert order(hybrid) == order(alone)


@by_how
def test_scores_lie_in_0_to_1_in_the_order_of_the_logits(how: How) -> None:
    with load(f"hybrid({how}: bm25, embedded)") as hybrid:
        ranking = hybrid.rank(QUERY, DOCUMENTS)
        scores = [hit.score for hit in ranking]
        assert all(0 <= score <= 1 for score in scores)
        assert scores == sorted(scores, reverse=True)
        np.testing.assert_array_equal(np.sort(hybrid.score(QUERY, DOCUMENTS))[::-1], np.array(scores, np.float32))


def test_a_hit_tells_what_each_part_made_of_it(hybrid: Reranker) -> None:
    ranking = hybrid.rank(QUERY, DOCUMENTS)
    assert ranking.model == "hybrid(rrf: bm25, embedded)"
    for name in ("bm25", "embedded"):
        with load(name) as alone:
            own = {hit.index: hit.logit for hit in alone.rank(QUERY, DOCUMENTS)}
        assert {hit.index: hit.parts[name] for hit in ranking} == pytest.approx(own, abs=1e-6)


def test_the_order_of_the_documents_does_not_move_it(hybrid: Reranker) -> None:
    documents = [document for document in DOCUMENTS if document]
    there = [hit.text for hit in hybrid.rank(QUERY, documents)]
    assert [hit.text for hit in hybrid.rank(QUERY, documents[::-1])] == there


def test_a_list_of_many_queries_is_ranked_as_one_by_one(hybrid: Reranker) -> None:
    lists = [DOCUMENTS, DOCUMENTS[:2], []]
    rankings = hybrid.rank_many([QUERY, "cats", "dogs"], lists)
    assert [len(ranking) for ranking in rankings] == [5, 2, 0]
    assert [hit.index for hit in rankings[1]] == [hit.index for hit in hybrid.rank("cats", DOCUMENTS[:2])]


def test_pairs_are_predicted_by_query(hybrid: Reranker) -> None:
    found = hybrid.predict([(QUERY, "cats purr"), ("cats", "cats purr"), (QUERY, "dogs bark")])
    assert found.shape == (3,)
    assert found[2] > found[0]


@by_how
@pytest.mark.parametrize("documents", [[], ["one"], [""], ["same", "same", "same"]])
def test_lists_that_hold_nothing_to_compare_keep_their_order(how: How, documents: list[AnyDocument]) -> None:
    with Hybrid(["bm25", "embedded"], how=how) as hybrid:
        ranking = hybrid.rank(QUERY, documents)
        assert [hit.index for hit in ranking] == list(range(len(documents)))
        assert len({hit.logit for hit in ranking}) <= 1


def test_it_is_a_part_of_another() -> None:
    with load("hybrid(min-max: hybrid(rrf k=1: bm25, bm25l)=2, embedded=1)") as nested:
        hit = nested.rank(QUERY, DOCUMENTS)[0]
        assert set(hit.parts) == {"hybrid(rrf k=1: bm25, bm25l)", "embedded"}
        assert "lucene" in nested.declared.version
        assert "bm25l" in nested.declared.version


def test_documents_are_rendered_once_and_with_their_fields() -> None:
    documents = [Document("Sleeps two.", metadata={"price": 249}), Document("Sleeps two.", metadata={"price": 999})]
    with load("hybrid(bm25, embedded)") as hybrid:
        ranking = hybrid.rank("a tent for 999", documents, fields=["price"])
    assert ranking[0].document is documents[1]


def test_each_part_gets_the_instruction() -> None:
    parts = [Given({}, "a"), Given({}, "b")]
    Hybrid([Reranker(part) for part in parts]).rank("q", ["x"], instruction="be kind")
    assert [part.asked for part in parts] == [[("q", "be kind")]] * 2


def test_limits_are_for_the_parts_that_are_named() -> None:
    long = "a dog barks at night " * 400
    with load("hybrid(bm25, embedded)") as cutting, load("hybrid(bm25, embedded)", policy="chunk") as chunking:
        cut, read = cutting.rank(QUERY, [long])[0], chunking.rank(QUERY, [long])[0]
    assert (cut.truncated, cut.chunks) == (True, 1)
    assert read.chunks > 1
    assert not read.truncated
    with pytest.raises(InputError, match="policy"), load("hybrid(bm25)", policy="none"):  # type: ignore[arg-type]
        pass


def test_it_tells_the_most_that_any_part_did() -> None:
    with load("bm25") as words:
        hit = Hybrid([words, Reranker(Given({}))]).rank("q", ["one two three"])[0]
    assert (hit.tokens, hit.truncated) == (13, True)  # 3 words, and 13 letters of which not all were read


def test_it_declares_what_the_parts_have_in_common() -> None:
    slot = Reranker(Given({}, "a", instructions="slot", max_tokens=512))
    ignored = Reranker(Given({}, "b", instructions="ignored", max_tokens=128))
    joined = Reranker(Given({}, "c"))
    assert Hybrid([slot, ignored]).declared.instructions == "slot"
    assert Hybrid([joined, ignored]).declared.instructions == "joined"
    assert Hybrid([ignored]).declared.instructions == "ignored"
    assert Hybrid([slot, ignored, joined]).declared.max_tokens == 128
    assert Hybrid([joined]).declared.max_tokens is None
    assert not Hybrid([joined]).declared.separable


def test_whatever_moves_a_score_changes_the_version() -> None:
    a, b = Reranker(Given({}, "a")), Reranker(Given({}, "b"))
    made = [
        Hybrid([a, b]),
        Hybrid([a]),
        Hybrid([b, a]),
        Hybrid([a, b], k=1),
        Hybrid([a, b], [1, 2]),
        *(Hybrid([a, b], how=how) for how in HOWS if how != "rrf"),
    ]
    assert len({one.declared.version for one in made}) == len(made)


def test_parts_of_one_name_are_told_apart() -> None:
    twice = Hybrid([Reranker(Given({"x": 1.0})), Reranker(Given({"x": 2.0}))])
    assert twice.rank("q", ["x"])[0].parts == {"given": 1.0, "given#2": 2.0}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_logit_that_is_no_number_is_an_error_that_names_the_part_and_the_document(value: float) -> None:
    parts = [Reranker(Given({}, "good")), Reranker(Given({"y": value}, "bad"))]
    with pytest.raises(ModelError, match=r"documents\[1\]: bad gives it a logit"):
        Hybrid(parts).rank("q", ["x", "y"])
    ranking = Hybrid(parts, on_failure="leave-out").rank("q", ["x", "y"])
    assert ranking.degraded
    assert set(ranking[0].parts) == {"good"}


def test_a_service_that_fails_is_left_out_where_that_was_asked_for() -> None:
    with (
        Server(cohere) as server,
        load("cohere:rerank-v3.5", base_url=server.url, api_key="sk-1") as hosted,
        Hybrid([hosted, "bm25"], [5, 1]) as strict,
        Hybrid([hosted, "bm25"], [5, 1], on_failure="leave-out") as lenient,
    ):
        assert lenient.rank("bark", ["bark", "a longer one"])[0].index == 1
        assert not lenient.rank("bark", ["bark", "a longer one"]).degraded
        server.told = [Told({"message": "no"}, 400), Told({"message": "no"}, 400)]
        with pytest.raises(HostedAPIError):
            strict.rank("bark", ["bark", "a longer one"])
        left = lenient.rank("bark", ["bark", "a longer one"])
        assert left.degraded
        assert left[0].index == 0


def test_what_the_caller_did_wrong_is_never_left_out() -> None:
    with (
        load("bm25") as words,
        load("embedded", policy="error") as strict,
        Hybrid([words, strict], on_failure="leave-out") as hybrid,
        pytest.raises(InputError, match=r"documents\[1\].*tokens"),
    ):
        hybrid.rank("q", ["a", "a dog " * 600])


def test_where_every_part_fails_there_is_no_ranking() -> None:
    parts = [Reranker(Given({}, name, error=HostedAPIError(f"{name} is down"))) for name in ("first", "second")]
    with pytest.raises(HostedAPIError, match="first is down"):
        Hybrid(parts, on_failure="leave-out").rank("q", ["x"])


def test_what_is_left_may_weigh_nothing() -> None:
    parts = [Reranker(Given({}, "down", error=HostedAPIError("down"))), Reranker(Given({"y": 2.0}, "up"))]
    ranking = Hybrid(parts, [1, 0], on_failure="leave-out").rank("q", ["x", "y"])
    assert [hit.index for hit in ranking] == [1, 0]


def test_a_part_that_is_degraded_degrades_the_ranking() -> None:
    assert Hybrid([Reranker(Given({}, degraded=True)), Reranker(Given({}))]).rank("q", ["x"]).degraded


def test_closing_closes_what_was_opened_here_and_nothing_else() -> None:
    part = Given({})
    own = Reranker(part)
    hybrid = Hybrid([own, "bm25"])
    opened = hybrid._scorer._parts[1][1]  # type: ignore[union-attr]
    hybrid.close()
    hybrid.close()
    assert part.closed == 0
    assert len(own.rank("q", ["x"])) == 1
    for closed in (hybrid, opened):
        with pytest.raises(InputError, match="closed"):
            closed.rank("q", ["x"])


def test_what_was_opened_is_closed_where_a_later_part_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(Reranker, "close", lambda reranker: closed.append(reranker.name))
    with pytest.raises(UnknownModel):
        Hybrid(["bm25", "./no-such-folder"])
    assert closed == ["bm25"]


def test_several_threads_get_what_one_gets(hybrid: Reranker) -> None:
    alone = [hybrid.rank(query, DOCUMENTS) for query in ("cats", "dogs", "trees")]
    start = threading.Barrier(3)

    def rank(query: str) -> list[secondpass.Ranking]:
        start.wait()
        return [hybrid.rank(query, DOCUMENTS) for _ in range(4)]

    with ThreadPoolExecutor(3) as pool:
        for rankings, expected in zip(pool.map(rank, ("cats", "dogs", "trees")), alone, strict=True):
            for ranking in rankings:
                assert [hit.index for hit in ranking] == [hit.index for hit in expected]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"parts": []}, "at least one"),
        ({"parts": "bm25"}, "give a list"),
        ({"parts": ["bm25"], "weights": [1, 2]}, "2 weights for 1 parts"),
        ({"parts": ["bm25"], "weights": [-1]}, "0 or more"),
        ({"parts": ["bm25"], "how": "mean"}, "how='mean'"),
        ({"parts": ["bm25"], "k": -1}, "k is -1"),
        ({"parts": ["bm25"], "on_failure": "ignore"}, "on_failure='ignore'"),
        ({"parts": ["bm25"], "revision": "main"}, "revision='main'"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        Hybrid(**arguments)


def test_the_scorer_of_nothing_is_empty() -> None:
    found = HybridScorer([Reranker(Given({}))], [1.0]).score_request(
        Request.of("q", [], instruction=None, fields=(), renderer=1)
    )
    assert found.logits.shape == (0,)


@pytest.mark.parametrize("name", ["hybrid(bm25, embedded)", "cascade(bm25=2, embedded)"])
def test_the_best_passage_is_handed_on(name: str) -> None:
    long = "The committee met again. " * 400 + "The bridge will reopen in May."
    with load(name, policy="chunk") as joined:
        ranking = joined.rank("when does the bridge open?", [long, "The bridge is closed."])
    hit = next(hit for hit in ranking if hit.index == 0)
    assert hit.span is not None
    assert hit.passage == long[slice(*hit.span)]
    assert hit.passage.endswith("reopen in May.")
