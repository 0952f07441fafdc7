"""First stages by name: what each finds, what its name tells, and the cache by content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import secondpass
from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection, Query
from secondpass.evaluation.first_stage import Dense, FirstStage, Stage
from secondpass.evaluation.metrics import evaluate
from secondpass.evaluation.stages import NAMES, found_by, open_stage
from secondpass.evaluation.trec import write_run
from secondpass.types import Document

pytest.importorskip("bm25s")

VARIANTS = ("bm25", "bm25-robertson", "bm25-atire", "bm25l", "bm25+")
BY_RANK = {"1": 1.0, "2": 0.5, "3": 1 / 3}


@pytest.mark.parametrize("name", [*VARIANTS, "oracle", "random"])
def test_every_query_gets_at_most_the_depth_best_first(collection: Collection, name: str) -> None:
    found = open_stage(name).find(collection, 3)
    assert list(found.run) == list(collection.queries)
    for candidates in found.run.values():
        assert len(candidates) == 3
        assert list(candidates.values()) == sorted(candidates.values(), reverse=True)


def test_the_names_tell_stages_apart() -> None:
    opened = [open_stage(name) for name in (*VARIANTS, "candidates", "oracle", "random", "random:7")]
    assert len({stage.name for stage in opened}) == len(opened)
    assert open_stage("bm25").name == "bm25 (lucene, k1 1.5, b 0.75)"
    assert open_stage("random:7").name == "random (seed 7)"


def test_forms_of_bm25_score_differently(collection: Collection) -> None:
    scores = {name: open_stage(name).find(collection, 5).run["1"]["3"] for name in VARIANTS}
    assert len({round(score, 4) for score in scores.values()}) == len(VARIANTS)


def test_the_oracle_has_the_relevant_first_and_the_best_of_them_before_the_rest(collection: Collection) -> None:
    run = open_stage("oracle").find(collection, 4).run
    assert list(run["1"])[:2] == ["1", "3"]
    assert len(set(run["1"])) == 4
    values = evaluate(run, {query: collection.qrels[query] for query in ("1", "b")}, "nDCG@10")
    assert values == {"1": 1.0, "b": 1.0}


def test_random_is_the_same_for_a_seed_and_a_query_whatever_else_is_asked(collection: Collection) -> None:
    both = open_stage("random").find(collection, 5).run
    alone = open_stage("random").find(replace(collection, queries={"b": collection.queries["b"]}), 5).run
    assert both["b"] == alone["b"]
    assert list(both["b"]) != list(both["c"]) or list(both["b"]) != list(both["1"])
    assert both != open_stage("random:7").find(collection, 5).run


def test_a_run_file_is_taken_in_trec_evals_order(collection: Collection, tmp_path: Path) -> None:
    write_run(tmp_path / "a.run", {"1": {"1": 0.5, "2": 0.9, "3": 0.5}, "other": {"x": 1.0}}, tag="t")
    found = open_stage(f"run:{tmp_path / 'a.run'}").find(collection, 2)
    assert found.run == {"1": {"2": 0.9, "3": 0.5}, "b": {}, "c": {}}
    assert list(found.run["1"]) == ["2", "3"]
    assert found.name == "run (a.run)"


def test_given_candidates_keep_their_order(collection: Collection, tmp_path: Path) -> None:
    own = replace(collection, candidates={"1": ["5", "1", "2"]})
    assert list(open_stage("candidates").find(own, 2).run["1"]) == ["5", "1"]
    (tmp_path / "c.tsv").write_text("1\t3\n1\t2\n")
    found = open_stage(f"candidates:{tmp_path / 'c.tsv'}").find(own, 5)
    assert (list(found.run["1"]), found.name) == (["3", "2"], "candidates (c.tsv)")


def test_candidates_that_are_not_there_or_of_other_data_are_refused(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="kettle comes without candidates"):
        open_stage("candidates").find(collection, 5)
    write_run(tmp_path / "a.run", {"1": {"99": 1.0}}, tag="t")
    with pytest.raises(InputError, match="document '99' of query '1' is not in the corpus"):
        open_stage(f"run:{tmp_path / 'a.run'}").find(collection, 5)


@pytest.mark.parametrize("name", ["bm25", "random", "oracle", "candidates"])
def test_a_query_is_never_its_own_candidate(name: str) -> None:
    documents = {key: Document(f"copper and iron {key}", id=key) for key in "xyz"}
    query = Query("x", "copper and iron x")
    listed = {"x": ["x", "y", "z"]}
    found = open_stage(name).find(Collection("papers", documents, {"x": query}, {"x": {"y": 1}}, listed), 2)
    assert set(found.run["x"]) == {"y", "z"}
    assert found.dropped == {"x": ["x"]}


def test_identical_ids_go_even_with_another_text_where_the_collection_says_so(collection: Collection) -> None:
    found = open_stage("bm25").find(replace(collection, identical_ids=True), 5)
    assert "1" not in found.run["1"]
    assert found.dropped == {"1": ["1"]}


def test_dense_reads_with_a_bi_encoder_and_says_which(collection: Collection) -> None:
    found = open_stage("dense").find(collection, 2)
    assert found.name == "dense (embedded-cosine)"
    assert next(iter(found.run["c"])) == "5"


def test_dense_needs_a_model_that_reads_apart(collection: Collection) -> None:
    with secondpass.load("bm25") as model, pytest.raises(InputError, match="bm25 reads query and document together"):
        Dense(model).find(collection, 2)


@pytest.mark.parametrize("name", ["bm26", "bm25:7", "run", "run:", "random:x", "oracle:-1", "dense:"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        open_stage(name)


def test_every_name_that_is_offered_is_one() -> None:
    opened = [open_stage(name if name != "run" else "run:a.run") for name in NAMES if name != "dense"]
    assert len(opened) == len(NAMES) - 1


@pytest.mark.parametrize("depth", [0, -1])
def test_a_depth_below_one_is_refused(collection: Collection, depth: int) -> None:
    with pytest.raises(InputError, match=f"The depth is {depth}"):
        open_stage("random").find(collection, depth)


class Counted:
    """A stage that counts how often it was asked."""

    def __init__(self, key: str = "counted") -> None:
        self.name, self.key, self.asked = "counted", key, 0

    def find(self, collection: Collection, depth: int) -> FirstStage:
        self.asked += 1
        return FirstStage({"1": dict(list(BY_RANK.items())[:depth])}, {"b": ["2"]}, self.name)


def test_what_was_found_once_is_read_from_the_cache_as_it_was(collection: Collection, tmp_path: Path) -> None:
    stage = Counted()
    first = found_by(stage, collection, depth=3, cache=tmp_path / "cache")
    assert found_by(stage, collection, depth=3, cache=tmp_path / "cache") == first
    assert stage.asked == 1
    found_by(stage, collection, depth=3)
    assert stage.asked == 2


def test_other_depths_keys_and_contents_are_other_entries(collection: Collection, tmp_path: Path) -> None:
    changed = replace(collection, documents={**collection.documents, "1": Document("other", id="1")})
    stages: list[tuple[Stage, Collection, int]] = [
        (Counted(), collection, 3),
        (Counted(), collection, 2),
        (Counted("other"), collection, 3),
        (Counted(), changed, 3),
    ]
    for stage, asked, depth in stages:
        found_by(stage, asked, depth=depth, cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == len(stages)


def test_a_damaged_entry_is_refused_by_name(collection: Collection, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    found_by(Counted(), collection, depth=3, cache=cache)
    (path,) = cache.iterdir()
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match=rf"{path.name} in the cache cannot be read"):
        found_by(Counted(), collection, depth=3, cache=cache)
