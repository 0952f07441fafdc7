"""AIR-Bench: data sets as its hub has them, and the zip that its leaderboard takes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.airbench import Task, load_airbench, write_upload
from secondpass.evaluation.datasets import open_collection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows: dict[str, list[dict[str, str | int]]] = {
        "corpus_default": [{"id": "d1", "text": "Water boils."}, {"id": "d2", "text": "Iron rusts."}],
        "queries_default_dev": [{"id": "q1", "text": "what boils"}],
        "queries_default_test": [{"id": "q2", "text": "what rusts"}],
        "qrels_default_dev": [{"qid": "q1", "docid": "d1", "relevance": 1}],
    }
    root = tmp_path / "qa_wiki_en"
    root.mkdir()
    for name, listed in rows.items():
        (root / f"{name}.jsonl").write_text("\n".join(map(json.dumps, listed)))
    return root


def test_the_dev_split_has_judgements_and_the_test_split_none(folder: Path) -> None:
    found = open_collection(folder)
    assert (found.name, list(found.queries), found.qrels) == ("qa_wiki_en", ["q1"], {"q1": {"d1": 1.0}})
    hidden = load_airbench(folder, split="test")
    assert (list(hidden.queries), hidden.qrels) == (["q2"], {})


def test_one_of_several_data_sets_has_to_be_named(folder: Path) -> None:
    (folder / "corpus_other.jsonl").write_text('{"id": "d9", "text": "x"}')
    with pytest.raises(InputError, match="name one of default, other"):
        open_collection(folder)
    assert load_airbench(folder, dataset_name="default").name == "qa_wiki_en-default"


def test_the_upload_is_laid_out_as_air_benchmark_zips_it(tmp_path: Path) -> None:
    task = Task("qa", "wiki", "en")
    path = tmp_path / "upload.zip"
    names = write_upload(path, {task: {"q2": {"d1": 0.1, "d2": 0.9}}}, retriever="bm25", reranker="embedded")
    assert names == ["qa/wiki/en_default_test.json"]
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == names
        value = json.loads(archive.read(names[0]))
    results = value.pop("search_results")
    assert list(results["q2"]) == ["d2", "d1"]
    assert value == {
        "model_name": "bm25",
        "reranker_name": "embedded",
        "benchmark_version": "AIR-Bench_24.05",
        "task_type": "qa",
        "domain": "wiki",
        "language": "en",
        "dataset_name": "default",
        "split": "test",
    }


def test_what_is_scored_at_home_is_no_upload(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="takes runs of the split 'test'"):
        write_upload(tmp_path / "x.zip", {Task("qa", "wiki", "en", split="dev"): {}}, retriever="a", reranker="b")
