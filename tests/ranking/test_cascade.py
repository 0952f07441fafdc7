"""Cascades of real models, and of scorers whose logits and pace are given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import secondpass
from secondpass import Cascade, Document, HostedAPIError, Hybrid, InputError, ModelError, Ranking, Reranker, load
from secondpass.errors import Cancelled
from secondpass.models.scorer import Activation, Declared, Listed, Piece, Reading
from secondpass.ranking.calibration import Calibration, fit
from secondpass.ranking.cascade import CascadeScorer
from secondpass.ranking.signals import FirstStage, Recency
from secondpass.text.encode import Limits

QUERY = "which animals bark?"
DOCUMENTS = ["cats purr", "dogs bark at night", "the bark of a tree", "", "a dog, a cat", "rivers run to the sea"]
MANY = [f"document {i:03d}" for i in range(60)]
Value = Callable[[str], float]


class Pointwise:
    """A pair scorer whose logits are told by a function of the text, each after `seconds`."""

    def __init__(
        self, value: Value, name: str = "told", *, seconds: float = 0.0, error: Exception | None = None
    ) -> None:
        self.declared = Declared(name, f"{name}@1", 1, None)
        self.read_texts: list[str] = []
        self.asked: list[tuple[str, str | None]] = []
        self.closed = 0
        self._value = value
        self._seconds = seconds
        self._error = error

    def read(self, query: str, instruction: str | None, limits: Limits) -> Callable[[Sequence[str]], list[Reading]]:
        self.asked.append((query, instruction))
        return lambda texts: [Reading((Piece(128, text),), len(text), truncated=False) for text in texts]

    def logits(self, pieces: Sequence[Piece]) -> Any:
        if self._error is not None:
            raise self._error
        time.sleep(self._seconds * len(pieces))
        self.read_texts += [piece.inputs for piece in pieces]
        return np.array([self._value(piece.inputs) for piece in pieces], np.float32)

    def close(self) -> None:
        self.closed += 1


class Listwise:
    """A list scorer that gives n to the best of n documents, and keeps the lists that it was shown."""

    def __init__(
        self, value: Value, name: str = "list", *, seconds: float = 0.0, activation: Activation = "ratio"
    ) -> None:
        self.declared = Declared(name, f"{name}@1", 1, None, activation=activation)
        self.lists: list[list[str]] = []
        self._value = value
        self._seconds = seconds

    def score(self, query: str, documents: Sequence[str], instruction: str | None, limits: Limits) -> Listed:
        time.sleep(self._seconds * len(documents))
        self.lists.append(list(documents))
        ranks = np.argsort(np.argsort([self._value(text) for text in documents])) + 1
        return Listed(ranks.astype(np.float32), [len(text) for text in documents], [False] * len(documents))

    def close(self) -> None: ...


def length(text: str) -> float:
    return float(len(text))


def number(text: str) -> float:
    return float(text.split()[-1]) / 10


def cascade(*scorers: Any, keep: Sequence[int] = (), **options: Any) -> Reranker:
    return Reranker(CascadeScorer([s if isinstance(s, Reranker) else Reranker(s) for s in scorers], keep, **options))


def order(ranking: Ranking) -> list[int]:
    return [hit.index for hit in ranking]


@pytest.fixture(scope="module")
def two() -> Iterator[Reranker]:
    with load("cascade(bm25=3, embedded)") as made:
        yield made


def test_its_name_and_its_python_form_rank_alike(two: Reranker) -> None:
    with Cascade(["bm25", "embedded"], keep=[3]) as made:
        assert made.declared == two.declared
        first, second = made.rank(QUERY, DOCUMENTS), two.rank(QUERY, DOCUMENTS)
        assert (order(first), [hit.logit for hit in first]) == (order(second), [hit.logit for hit in second])
        assert repr(made) == "Cascade('cascade(bm25=3, embedded)')"
    with load(two.name) as again:  # its name is one that can be loaded
        assert order(again.rank(QUERY, DOCUMENTS)) == order(first)


def test_where_everything_is_kept_it_is_the_last_stage() -> None:
    with load("embedded") as alone, Cascade(["bm25", alone], keep=[len(DOCUMENTS)]) as every:
        mine, its = every.rank(QUERY, DOCUMENTS), alone.rank(QUERY, DOCUMENTS)
        assert order(mine) == order(its)
        assert [hit.logit for hit in mine] == pytest.approx([hit.logit for hit in its], abs=1e-4)
        np.testing.assert_allclose(every.score(QUERY, DOCUMENTS), alone.score(QUERY, DOCUMENTS), atol=1e-4)


def test_a_hit_tells_what_each_stage_that_read_it_made_of_it(two: Reranker) -> None:
    ranking = two.rank(QUERY, DOCUMENTS)
    assert [sorted(hit.parts) for hit in ranking] == [["bm25", "embedded"]] * 3 + [["bm25"]] * 3
    assert all(hit.logit == hit.parts["embedded"] for hit in ranking[:3])
    assert [(s.model, s.given, s.read, s.kept, s.stopped) for s in ranking.stages] == [
        ("bm25", 6, 6, 3, None),
        ("embedded", 3, 3, 3, None),
    ]
    assert not ranking.degraded


VALUES = st.lists(st.integers(-400, 400).map(lambda x: x / 16), min_size=0, max_size=25)


@given(st.data(), VALUES)
@settings(max_examples=60, deadline=None)
def test_groups_come_in_the_order_of_the_stages_each_in_its_own(data: st.DataObject, first: list[float]) -> None:
    count = len(first)
    second = data.draw(st.lists(st.integers(-400, 400), min_size=count, max_size=count))
    keep = data.draw(st.integers(1, 30))
    documents = [str(i) for i in range(count)]
    with cascade(
        Pointwise(lambda t: first[int(t)], "one"), Pointwise(lambda t: second[int(t)], "two"), keep=[keep]
    ) as made:
        ranking = made.rank("q", documents)
        alone = made.rank_many(["q"], [documents])[0]
    by_first = sorted(range(count), key=lambda i: (-first[i], i))
    assert order(ranking) == sorted(by_first[:keep], key=lambda i: (-second[i], i)) + by_first[keep:]
    logits = [hit.logit for hit in ranking]
    assert logits == sorted(logits, reverse=True)
    if 0 < keep < count:
        assert max(logits[keep:]) < min(logits[:keep])
    assert order(alone) == order(ranking)


@given(st.integers(0, 12), st.integers(1, 12), st.floats(0.001, 30))
@settings(max_examples=25, deadline=None)
def test_a_budget_loses_no_document(count: int, keep: int, budget_ms: float) -> None:
    slow = Pointwise(length, "slow", seconds=0.002)
    with cascade(Pointwise(length, "quick"), slow, keep=[keep]) as made:
        ranking = made.rank("q", MANY[:count], budget_ms=budget_ms)
    assert sorted(order(ranking)) == list(range(count))
    logits = [hit.logit for hit in ranking]
    assert logits == sorted(logits, reverse=True)
    assert all(0 <= hit.score <= 1 for hit in ranking)


def test_with_time_enough_a_budget_changes_nothing(two: Reranker) -> None:
    free, bounded = two.rank(QUERY, DOCUMENTS), two.rank(QUERY, DOCUMENTS, budget_ms=60_000)
    assert order(free) == order(bounded)
    assert [hit.logit for hit in free] == pytest.approx([hit.logit for hit in bounded], abs=1e-4)
    assert not bounded.degraded


@pytest.mark.parametrize("name", ["embedded", "bm25", "hybrid(log-odds: bm25, embedded)", "embedded-cosine"])
def test_every_reranker_takes_a_budget(name: str) -> None:
    with load(name) as reranker:
        free, bounded = reranker.rank(QUERY, DOCUMENTS), reranker.rank(QUERY, DOCUMENTS, budget_ms=60_000)
        assert order(free) == order(bounded)
        assert all(one.parts == pytest.approx(other.parts, abs=1e-3) for one, other in zip(bounded, free, strict=True))
        assert [hit.logit for hit in bounded] == pytest.approx([hit.logit for hit in free], abs=1e-3)
        late = reranker.rank(QUERY, DOCUMENTS, budget_ms=1e-6)
        assert late.degraded
        assert order(late) == list(range(len(DOCUMENTS)))
        assert {(hit.chunks, hit.truncated, hit.tokens) for hit in late} == {(0, True, 0)}
        assert late.stages[0].stopped == "time"


def test_a_budget_is_kept_and_what_was_not_read_comes_last_as_given() -> None:
    with Reranker(Pointwise(number, "slow", seconds=0.005)) as reranker:
        reranker.rank("q", MANY[:10])
        reranker.rank("q", MANY[:10])
        began = time.monotonic()
        ranking = reranker.rank("q", MANY, budget_ms=150)
        assert time.monotonic() - began < 0.3
    (stage,) = ranking.stages
    assert 5 <= stage.read < 30
    assert ranking.degraded
    assert order(ranking) == [*reversed(range(stage.read)), *range(stage.read, 60)]


def test_a_stage_that_is_slower_than_ever_is_cut_off_by_the_engine() -> None:
    scorer = Pointwise(number, "slow", seconds=0.0)
    with Reranker(scorer) as reranker:
        for _ in range(3):
            reranker.rank("q", MANY)  # so fast that all are planned
        scorer._seconds = 0.02
        began = time.monotonic()
        ranking = reranker.rank("q", MANY, budget_ms=100)
        assert time.monotonic() - began < 0.8  # one batch may be under way; all of them would take 1.2
    assert sorted(order(ranking)) == list(range(60))


def test_what_the_first_stage_takes_is_left_to_the_second() -> None:
    first, second = Pointwise(number, "one", seconds=0.004), Pointwise(number, "two", seconds=0.004)
    with cascade(first, second, keep=[20]) as made:
        made.rank("q", MANY)
        made.rank("q", MANY)
        stages = made.rank("q", MANY, budget_ms=200).stages
    assert all(stage.read > 4 for stage in stages)
    assert stages[0].read < 60


def test_every_call_teaches_how_fast_a_stage_is_and_warming_up_does_first() -> None:
    with load("bm25") as words, Cascade([words, Reranker(Pointwise(length))], keep=[5]) as made:
        assert not words.pace.known
        made.warm_up()
        assert words.pace.known
        assert made.rank(QUERY, MANY, budget_ms=5000).stages[0].read == 60


def test_a_list_scorer_reads_its_list_in_one_go_also_the_first_time() -> None:
    scorer = Listwise(number)
    with Reranker(scorer) as reranker:
        ranking = reranker.rank("q", MANY, budget_ms=10_000)
    assert [len(shown) for shown in scorer.lists] == [8, 60]  # to find out how long it takes, and then
    assert order(ranking) == list(reversed(range(60)))
    assert not ranking.degraded
    assert ranking.stages[0].stopped is None


def test_what_a_list_scorer_has_no_time_for_stays_behind_its_list() -> None:
    with Reranker(Listwise(number, seconds=0.002)) as reranker:
        for _ in range(3):
            reranker.rank("q", MANY[:20])
        ranking = reranker.rank("q", MANY, budget_ms=60)
    (stage,) = ranking.stages
    assert 4 < stage.read < 40
    assert order(ranking)[stage.read :] == list(range(stage.read, 60))
    assert ranking.degraded


def test_scores_of_what_was_left_behind_a_listwise_model_lie_in_0_to_1() -> None:
    with cascade(Pointwise(number), Listwise(lambda t: -number(t)), keep=[5]) as made:
        ranking = made.rank("q", MANY)
    assert order(ranking)[:6] == [55, 56, 57, 58, 59, 54]
    scores = [hit.score for hit in ranking]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_a_stage_stops_where_the_top_cannot_change_any_more() -> None:
    last = Pointwise(number, "last")
    with cascade(Pointwise(number, "first"), last, keep=[50], settle=0.05) as made:
        ranking = made.rank("q", MANY, top_n=3)
        assert ranking.stages[1].stopped == "settled"
        assert len(last.read_texts) == ranking.stages[1].read == 16
        assert not ranking.degraded
        assert order(ranking) == [59, 58, 57]
        last.read_texts.clear()
        made.rank("q", MANY)  # the whole order is wanted
        assert len(last.read_texts) == 50


def test_signals_on_top_may_lift_any_document_so_that_nothing_is_settled() -> None:
    last = Pointwise(number, "last")
    with cascade(Pointwise(number, "first"), last, keep=[50], settle=0.05) as made:
        made.with_signals(Recency()).rank("q", MANY, top_n=3)
        assert len(last.read_texts) == 50
        last.read_texts.clear()
        made.rank("q", MANY, top_n=3, instruction="prefer the newest")
        assert len(last.read_texts) == 50


def test_a_stage_in_the_middle_reads_on_until_what_it_hands_on_is_settled() -> None:
    middle = Pointwise(number, "middle")
    with cascade(Pointwise(number), middle, Pointwise(number, "last"), keep=[50, 30], settle=0.05) as made:
        stages = made.rank("q", MANY, top_n=2).stages
    assert stages[1].kept == 30
    assert len(middle.read_texts) > 30


def test_rules_and_signals_are_applied_once_and_the_stages_get_the_rest() -> None:
    scorer = Pointwise(lambda text: 1.0, "last")
    documents = [
        Document("barking dogs", metadata={"date": "2019-01-01"}),
        Document("barking dogs", metadata={"date": "2026-11-01"}),
    ]
    options: dict[str, Any] = {"instruction": "Prefer the newest. Be kind.", "now": "2026-11-20"}
    with Reranker(scorer) as alone, cascade(Pointwise(length), alone, keep=[2]) as made:
        for one, other in ((alone, made), (alone.with_signals(Recency()), made.with_signals(Recency()))):
            expected, found = one.rank(QUERY, documents, **options), other.rank(QUERY, documents, **options)
            assert [(h.index, h.logit, h.signals) for h in found] == [(h.index, h.logit, h.signals) for h in expected]
            late = one.rank(QUERY, documents, budget_ms=60_000, **options)
            assert [(h.index, h.logit, h.signals) for h in late] == [(h.index, h.logit, h.signals) for h in expected]
            assert found.rules == expected.rules == late.rules
            assert found.rules
    assert len(set(scorer.asked)) == 1  # what the rules left, whoever asked
    assert "newest" not in (scorer.asked[0][1] or "")


def test_a_stage_may_have_signals_of_its_own() -> None:
    given = [None] * 4
    given[2] = 1.0  # type: ignore[call-overload]
    with Reranker(Pointwise(lambda text: 0.0)) as plain:
        first = plain.with_signals(FirstStage(scores=[0.1, 0.2, 0.9, 0.3]))
        assert not first.pointwise
        with cascade(first, Pointwise(length), keep=[1]) as made:
            assert order(made.rank("q", ["a", "b", "c", "d"], budget_ms=5000)) == [2, 3, 1, 0]


def test_a_cascade_and_a_hybrid_may_be_stages() -> None:
    with Cascade(["cascade(bm25=4, embedded-cosine)", "hybrid(bm25, embedded)"], keep=[2]) as made:
        assert made.name == "cascade(cascade(bm25=4, embedded-cosine)=2, hybrid(rrf: bm25, embedded))"
        ranking = made.rank(QUERY, DOCUMENTS, budget_ms=60_000)
        assert order(ranking)[0] == 1
        assert len(ranking) == 6
        with Hybrid([made, "bm25"]) as hybrid:
            assert len(hybrid.rank(QUERY, DOCUMENTS, budget_ms=60_000)) == 6


def test_a_stage_that_fails_is_left_out_where_that_is_wanted() -> None:
    broken = Pointwise(length, "broken", error=HostedAPIError("the service is down"))
    with cascade(Pointwise(number), broken, keep=[5]) as strict, pytest.raises(HostedAPIError, match="down"):
        strict.rank("q", MANY)
    with cascade(Pointwise(number), broken, keep=[5], on_failure="leave-out") as lenient:
        ranking = lenient.rank("q", MANY)
        assert order(ranking) == list(reversed(range(60)))
        assert ranking.degraded
        assert ranking.stages[1].stopped == "failed: the service is down"
        assert len(lenient.rank("q", [])) == 0
    with cascade(broken, Pointwise(number), keep=[5], on_failure="leave-out") as lenient:
        assert order(lenient.rank("q", MANY))[:6] == [4, 3, 2, 1, 0, 5]
    with cascade(broken, broken, keep=[5], on_failure="leave-out") as dead, pytest.raises(HostedAPIError):
        dead.rank("q", MANY)


def test_who_has_gone_is_no_failure_to_be_left_out() -> None:
    made = cascade(Pointwise(number), Pointwise(number), keep=[5], on_failure="leave-out")
    with made, pytest.raises(Cancelled):
        made.rank("q", MANY, gone=lambda: True)


def test_what_was_not_read_has_no_probability() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=400)
    groups = [str(i // 4) for i in range(400)]
    calibration: Calibration = fit(
        logits, (logits > 0).astype(float), groups, model="told", versions=["told@1"], data=[], date=""
    )
    with Reranker(Pointwise(number, seconds=0.005), calibration=calibration) as reranker:
        ranking = reranker.rank("q", MANY, budget_ms=100)
        assert [hit.probability is None for hit in ranking] == [hit.chunks == 0 for hit in ranking]
        assert len(ranking.above(0.0001)) <= ranking.stages[0].read


def test_it_may_be_asked_by_many_at_once(two: Reranker) -> None:
    expected = order(two.rank(QUERY, DOCUMENTS))
    with ThreadPoolExecutor(4) as pool:
        rankings = pool.map(lambda _: two.rank(QUERY, DOCUMENTS, budget_ms=60_000), range(8))
        assert all(order(ranking) == expected for ranking in rankings)


def test_it_closes_what_it_opened_and_no_more() -> None:
    scorer = Pointwise(length)
    with Reranker(scorer) as mine:
        with Cascade(["bm25", mine], keep=[3]) as made:
            pass
        made.close()
        with pytest.raises(InputError, match="closed"):
            made.rank(QUERY, DOCUMENTS)
        assert scorer.closed == 0
        mine.rank(QUERY, DOCUMENTS)


@pytest.mark.parametrize(
    ("stages", "options", "named"),
    [
        ([], {}, "stages="),
        ("bm25", {}, "stages='bm25'"),
        (["bm25", "embedded"], {}, r"keep=\[\] for 2 stages"),
        (["bm25"], {"keep": [3]}, r"keep=\[3\] for 1 stages"),
        (["bm25", "bm25"], {"keep": [0]}, r"keep=\[0\]"),
        (["bm25"], {"settle": 1.0}, r"settle=1\.0"),
        (["bm25"], {"on_failure": "hide"}, "on_failure='hide'"),
    ],
)
def test_what_is_no_cascade_is_refused(stages: Any, options: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        Cascade(stages, **options)


@pytest.mark.parametrize("budget", [0, -5, float("nan")])
def test_a_budget_is_a_positive_number(two: Reranker, budget: float) -> None:
    with pytest.raises(InputError, match="budget_ms"):
        two.rank(QUERY, DOCUMENTS, budget_ms=budget)


def test_a_stage_that_cannot_be_opened_closes_those_that_were(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        secondpass.Cascade(["bm25", tmp_path / "nothing"], keep=[3])
