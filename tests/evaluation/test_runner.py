"""Models on the same candidates, query by query: what is scored, what is taken over, what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import secondpass
from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection, Group
from secondpass.evaluation.metrics import evaluate, mean
from secondpass.evaluation.record import CEILING, NO_RERANKING, Record
from secondpass.evaluation.runner import Runner, Step, Task, prepare
from secondpass.ranking.reranker import Reranker
from secondpass.types import AnyDocument, Ranking

pytest.importorskip("bm25s")

MEASURES = ("nDCG@10", "MRR@3")


@pytest.fixture
def task(collection: Collection) -> Task:
    return prepare(collection, depth=4)


def run(tasks: Sequence[Task], folder: Path, model: str = "bm25", **options: object) -> tuple[list[Record], list[Step]]:
    steps: list[Step] = []
    runner = Runner(tasks, folder, MEASURES, now="2026", machine={"cores": "2"}, told=steps.append)
    with secondpass.load(model, **options) as reranker:  # type: ignore[arg-type]
        return runner.evaluate(model, reranker), steps


def unmeasured(records: Sequence[Record]) -> list[Record]:
    return [replace(record, timings={}, peak_mib=None) for record in records]


def test_a_protocol_says_what_has_to_be_the_same(collection: Collection) -> None:
    made = prepare(collection, first_stage="bm25-atire", depth=4).protocol
    assert (made.collection, made.depth, made.queries, made.seed) == ("kettle", 4, 3, None)
    assert made.first_stage.startswith("bm25-atire (")
    sampled = prepare(collection, depth=4, sample=1, seed=7).protocol
    assert (sampled.queries, sampled.seed) == (1, 7)
    digests = {prepare(collection, depth=depth, sample=n).protocol.digest for depth in (2, 4) for n in (1, 2, None)}
    assert len(digests) == 6


def test_all_judged_queries_are_taken_but_a_sample_is_of_those_with_an_answer(collection: Collection) -> None:
    assert list(prepare(collection).candidates) == ["1", "b", "c"]
    assert sorted(prepare(collection, sample=200).candidates) == ["1", "b"]


def test_a_collection_without_judgements_is_refused(collection: Collection) -> None:
    with pytest.raises(InputError, match="kettle has no query with a judgement"):
        prepare(replace(collection, qrels={}))


def test_a_record_has_each_candidate_with_the_models_logit_and_the_measures(task: Task, tmp_path: Path) -> None:
    (record,), _ = run([task], tmp_path)
    with secondpass.load("bm25") as reranker:
        for key, candidates in task.candidates.items():
            documents = [task.collection.documents[name] for name in candidates]
            ranking = reranker.rank(task.collection.queries[key].text, documents)
            assert record.run[key] == {list(candidates)[hit.index]: hit.logit for hit in ranking}
            assert list(record.run[key]) == [list(candidates)[hit.index] for hit in ranking]
    assert record.values["nDCG@10"] == evaluate(record.run, task.collection.qrels, "nDCG@10")
    assert list(record.values) == ["nDCG@10", "RR@3"]
    assert [timing.documents for timing in record.timings.values()] == [len(c) for c in task.candidates.values()]
    assert record.version.startswith("lucene")


def test_documents_that_were_cut_are_named(task: Task, tmp_path: Path) -> None:
    (record,), _ = run([task], tmp_path, "embedded", max_tokens=8)
    assert record.truncated
    for query, documents in record.truncated.items():
        assert set(documents) <= set(task.candidates[query])


@pytest.mark.parametrize("lines", [0, 1, 2, 3])
def test_what_a_journal_has_is_not_scored_again_and_the_record_is_the_same(
    task: Task, tmp_path: Path, lines: int
) -> None:
    whole, steps = run([task], tmp_path)
    assert len(steps) == 3
    (journal,) = (tmp_path / "journals").iterdir()
    content = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(content[: 1 + lines]) + b'{"query": "c", "log')
    again, steps = run([task], tmp_path)
    assert [step.done for step in steps] == list(range(lines + 1, 4))
    assert unmeasured(again) == unmeasured(whole)
    kept = list(task.candidates)[:lines]
    assert [again[0].timings[query] for query in kept] == [whole[0].timings[query] for query in kept]
    assert run([task], tmp_path)[0] == again


def test_another_version_of_a_model_is_scored_anew(task: Task, tmp_path: Path) -> None:
    run([task], tmp_path)
    assert len(run([task], tmp_path, policy="error")[1]) == 3


def test_another_sample_is_scored_anew(collection: Collection, tmp_path: Path) -> None:
    run([prepare(collection)], tmp_path)
    assert len(run([prepare(collection, sample=2)], tmp_path)[1]) == 2


def test_no_reranking_is_the_first_stage_and_no_model_is_above_the_ceiling(task: Task, tmp_path: Path) -> None:
    runner = Runner([task], tmp_path, MEASURES, now="", machine={})
    none, ceiling = runner.baselines()
    assert (none.model, ceiling.model) == (NO_RERANKING, CEILING)
    assert none.run == task.candidates
    assert ceiling.values["R@4"] == evaluate(task.candidates, task.collection.qrels, "R@4")
    (model,), _ = run([task], tmp_path)
    for measure in ("nDCG@10", "RR@3"):
        for record in (none, model):
            assert all(record.values[measure][q] <= ceiling.values[measure][q] for q in task.candidates)
    assert mean(ceiling.values["nDCG@10"]) > mean(none.values["nDCG@10"])


def test_queries_that_hang_on_the_order_of_equal_logits_are_told(collection: Collection, tmp_path: Path) -> None:
    nonsense = replace(collection.queries["1"], text="zzz")
    task = prepare(replace(collection, queries={**collection.queries, "1": nonsense}), first_stage="random", depth=5)
    (record,), _ = run([task], tmp_path)
    assert record.tied == ("1", "b")  # no term of b is in a document, and c has no relevant one


def test_a_query_without_candidates_counts_and_has_no_time(collection: Collection, tmp_path: Path) -> None:
    task = prepare(collection, depth=4)
    (record,), _ = run([replace(task, candidates={**task.candidates, "b": {}})], tmp_path)
    assert record.values["nDCG@10"]["b"] == 0
    assert list(record.timings) == ["1", "c"]


def test_the_estimate_covers_the_models_to_come_and_ends_at_nothing(task: Task, tmp_path: Path) -> None:
    steps: list[Step] = []
    runner = Runner([task], tmp_path, MEASURES, now="", machine={}, models=2, told=steps.append)
    with secondpass.load("bm25") as reranker:
        for name in ("one", "two"):
            runner.evaluate(name, reranker)
    assert steps[0].left_s == pytest.approx(5 * steps[0].seconds)
    assert steps[2].left_s == pytest.approx(sum(step.seconds for step in steps[:3]))
    assert steps[5].left_s == 0


def wishes(collection: Collection) -> Collection:
    """Two queries of the collection as a group that comes with its own candidates, of which there are two."""
    group = Group("g", {"plain": "1", "reversed": "b"}, ("1",))
    asked = {key: replace(collection.queries[key], instruction="newest first") for key in ("1", "b")}
    dated = {key: replace(query, metadata={"now": "2020-02-03"}) for key, query in asked.items()}
    own = {key: ["1", "2"] for key in dated}
    judged = {key: collection.qrels[key] for key in dated}
    groups = {"g": group}
    return replace(
        collection, queries=dated, qrels=judged, candidates=own, groups=groups, measures=("RR(rel=2)", "flips")
    )


def test_a_set_of_instructions_has_its_own_candidates_unless_others_are_asked_for(collection: Collection) -> None:
    own = prepare(wishes(collection)).protocol
    assert (own.first_stage, own.depth) == ("candidates", 2)
    other = prepare(wishes(collection), first_stage="bm25", depth=3).protocol
    assert other.first_stage.startswith("bm25")
    assert other.depth == 3
    assert prepare(collection).protocol.depth == 100


def test_the_measures_of_a_set_of_instructions_come_first(collection: Collection, tmp_path: Path) -> None:
    (record,), _ = run([prepare(wishes(collection))], tmp_path)
    assert list(record.values) == ["RR(rel=2)", "nDCG@10", "RR@3"]


def test_the_day_of_a_query_is_passed_on_and_a_model_is_warm_before_it_is_timed(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, object]] = []
    rank = Reranker.rank

    def noted(self: Reranker, query: str, documents: Sequence[AnyDocument], **options: Any) -> Ranking:
        asked.append((query, options.get("now")))
        return rank(self, query, documents, **options)

    monkeypatch.setattr(Reranker, "rank", noted)
    task = prepare(wishes(collection))
    (record,), steps = run([task], tmp_path)
    queries = [query.text for query in task.collection.queries.values()]
    assert asked[1:] == [(text, "2020-02-03") for text in queries]
    assert asked[0][0] not in queries
    assert len(record.timings) == len(steps) == 2
    asked.clear()
    run([task], tmp_path)
    assert asked == []  # nothing is left to do, so nothing is warmed up


def test_two_collections_of_one_name_are_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Two collections have the same name"):
        Runner([task, task], tmp_path, MEASURES, now="", machine={})


def test_an_unknown_measure_is_refused_before_anything_is_scored(task: Task, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nDGC"):
        Runner([task], tmp_path, ["nDGC@10"], now="", machine={})


def test_a_hybrid_of_evaluated_models_is_joined_from_their_logits(task: Task, tmp_path: Path) -> None:
    name = "hybrid(log-odds: bm25, bm25l)"
    found = {}
    for models in ([name], ["bm25", "bm25l", name]):
        folder = tmp_path / str(len(models))
        runner = Runner([task], folder, MEASURES, now="2026", machine={}, models=len(models), rules=False)
        for model in models:
            with secondpass.load(model) as reranker:
                if model == name and len(models) > 1:
                    reranker.rank = None  # type: ignore[assignment, method-assign]  # nothing is ranked once more
                found[len(models)] = runner.evaluate(model, reranker)
    assert unmeasured(found[3]) == unmeasured(found[1])
    assert all(timing.seconds > 0 for record in found[3] for timing in record.timings.values())
