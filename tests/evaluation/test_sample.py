"""Samples: drawn the same way every time, from queries that can be answered, and read back by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.collection import Collection, Query
from secondpass.evaluation.sample import answerable, draw, main, read_sample, take, write_sample
from secondpass.types import Document

COMMITTED = Path(__file__).parents[2] / "benchmarks" / "samples"
NAMES = sorted(path.stem for path in COMMITTED.glob("*.json"))


def _many(count: int) -> Collection:
    ids = [f"q{i}" for i in range(count)]
    return Collection(
        "many", {"d": Document("text", id="d")}, {i: Query(i, "text") for i in ids}, {i: {"d": 1} for i in ids}
    )


def test_only_queries_with_a_relevant_document_in_the_corpus_are_answerable(collection: Collection) -> None:
    assert answerable(collection) == ["1", "b"]
    absent = Collection("x", {}, collection.queries, collection.qrels)
    assert answerable(absent) == []


def test_a_sample_is_of_the_asked_size_and_the_same_every_time() -> None:
    drawn = draw(_many(500), size=200, seed=3)
    assert len(set(drawn)) == 200
    assert drawn == sorted(drawn) == draw(_many(500), size=200, seed=3)
    assert drawn != draw(_many(500), size=200, seed=4)


def test_a_small_collection_is_taken_whole() -> None:
    assert draw(_many(7)) == [f"q{i}" for i in range(7)]


def test_a_sample_needs_a_size() -> None:
    with pytest.raises(InputError, match="size of a sample is 0"):
        draw(_many(7), size=0)


def test_what_was_written_is_read_back_by_name(tmp_path: Path) -> None:
    write_sample(tmp_path, _many(30), size=10, seed=1)
    assert read_sample(tmp_path, "many") == draw(_many(30), size=10, seed=1)
    assert json.loads((tmp_path / "many.json").read_text())["drawn_from"] == 30


def test_taking_a_sample_keeps_the_corpus_and_the_sampled_judgements(collection: Collection) -> None:
    taken = take(collection, ["b"])
    assert taken.documents == collection.documents
    assert (list(taken.queries), list(taken.qrels)) == (["b"], ["b"])


def test_a_sample_from_other_data_is_refused(collection: Collection) -> None:
    with pytest.raises(InputError, match="'z' of the sample is not among the judged queries of kettle"):
        take(collection, ["1", "z"])


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    write_sample(tmp_path, _many(3))
    with pytest.raises(InputError, match=r"no sample of that name \(there are: many\)"):
        read_sample(tmp_path, "few")


@pytest.mark.parametrize("content", ["", "[]", '{"ids": []}', '{"queries": [1]}', '{"queries": "1"}'])
def test_a_damaged_sample_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(InputError, match=r"bad.json"):
        read_sample(tmp_path, "bad")


def test_the_command_writes_one_file_a_folder(folder: Path, tmp_path: Path) -> None:
    main([str(folder), "--out", str(tmp_path / "samples"), "--size", "1", "--seed", "5"])
    assert read_sample(tmp_path / "samples", "kettle") == draw(load_beir(folder), size=1, seed=5)


@pytest.mark.parametrize("name", NAMES)
def test_committed_samples_hold_at_most_200_ids_and_none_twice(name: str) -> None:
    queries = read_sample(COMMITTED, name)
    assert 0 < len(queries) == len(set(queries)) <= 200


@pytest.mark.parametrize("name", ["cranfield", "med", "spider_dev"])
def test_committed_samples_are_what_their_seed_draws(name: str, shared: Path) -> None:
    assert draw(load_beir(shared / "data" / "dev" / name)) == read_sample(COMMITTED, name)
