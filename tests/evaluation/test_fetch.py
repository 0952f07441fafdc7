"""Fetching: rows as the two libraries give them become a BEIR folder. The libraries and the network are not asked."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from secondpass.errors import InputError, MissingExtra
from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.benchmarks import find
from secondpass.evaluation.datasets import open_collection
from secondpass.evaluation.fetch import fetch, from_ir_datasets, open_ir_datasets

Rows = Sequence[Mapping[str, Any]]


@dataclass
class Repository:
    """A data set on the hub, as rows by configuration, all in one split."""

    parts: dict[str, Rows]
    split: str = "test"

    def configurations(self, name: str, revision: str | None) -> list[str]:
        return list(self.parts)

    def splits(self, name: str, configuration: str, revision: str | None) -> list[str]:
        return [self.split]

    def rows(self, name: str, configuration: str, split: str, revision: str | None) -> Rows:
        assert split == self.split
        return self.parts[configuration]


CORPUS = [{"_id": "d1", "title": "Tea", "text": "green"}, {"_id": "d2", "title": "", "text": "black"}]
QUERIES = [{"_id": "q1", "text": "which tea"}, {"_id": "unjudged", "text": "which coffee"}]
QRELS = [{"query-id": "q1", "corpus-id": "d1", "score": 2}, {"query-id": "q1", "corpus-id": "d2", "score": 0}]


def test_a_data_set_in_mtebs_layout_is_kept_and_opened_by_name(tmp_path: Path) -> None:
    hub = Repository({"corpus": CORPUS, "queries": QUERIES, "default": QRELS})
    fetch(find("beir/fiqa"), tmp_path / "beir/fiqa", hub=hub)
    found = open_collection("beir/fiqa", data_dir=tmp_path)
    assert (found.name, found.identical_ids) == ("beir/fiqa", True)
    assert found.qrels == {"q1": {"d1": 2, "d2": 0}}
    assert list(found.queries) == ["q1"]
    assert (found.documents["d1"].title, found.documents["d2"].title) == ("Tea", None)


def test_candidates_and_instructions_come_along(tmp_path: Path) -> None:
    parts: dict[str, Rows] = {
        "corpus": CORPUS,
        "queries": [{"id": "q1", "text": "which tea"}],
        "qrels": QRELS,
        "top_ranked": [{"query-id": "q1", "corpus-ids": ["d2", "d1"]}],
        "instruction": [{"query-id": "q1", "instruction": "only green"}],
    }
    found = load_beir(fetch(find("followir/core17"), tmp_path / "core17", hub=Repository(parts)))
    assert found.candidates == {"q1": ["d2", "d1"]}
    assert found.queries["q1"].instruction == "only green"


def test_a_subset_has_configurations_of_its_own(tmp_path: Path) -> None:
    parts: dict[str, Rows] = {"de-corpus": CORPUS, "de-queries": QUERIES, "de-qrels": QRELS, "en-corpus": []}
    fetch(find("miracl-reranking/de"), tmp_path / "miracl-reranking/de", hub=Repository(parts, split="dev"))
    assert len(open_collection("miracl-reranking/de", data_dir=tmp_path).documents) == 2


def test_another_layout_is_refused_with_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mteb/fiqa on the hub has no default or qrels; it has train"):
        fetch(find("beir/fiqa"), tmp_path / "fiqa", hub=Repository({"train": []}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("beir", "beir is a suite: fetch its members"),
        ("lotte", "lotte has subsets: fetch one of them, such as lotte/writing_search"),
        ("airbench", r"airbench cannot be fetched \(partly hidden\)"),
    ],
)
def test_what_cannot_be_fetched_says_why(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        fetch(find(name), tmp_path / "x", hub=Repository({}))


@pytest.mark.parametrize(("name", "library"), [("beir/fiqa", "datasets"), ("msmarco-passage", "ir_datasets")])
def test_a_missing_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=r"secondpass\[datasets\]"):
        fetch(find(name), tmp_path / "x")


@dataclass
class Text:
    """A document or a query of ir_datasets."""

    doc_id: str
    text: str

    @property
    def query_id(self) -> str:
        return self.doc_id

    def default_text(self) -> str:
        return self.text


@dataclass
class Judged:
    """A judgement or a scored document of ir_datasets."""

    query_id: str
    doc_id: str
    relevance: int = 0
    score: float = 0.0


class Opened:
    """A data set of ir_datasets."""

    qrels = True

    def has_docs(self) -> bool:
        return True

    has_queries = has_scoreddocs = has_docs

    def has_qrels(self) -> bool:
        return self.qrels

    def docs_iter(self) -> list[Text]:
        return [Text("d1", "green"), Text("d2", "black")]

    def queries_iter(self) -> list[Text]:
        return [Text("q1", "which tea")]

    def qrels_iter(self) -> list[Judged]:
        return [Judged("q1", "d1", relevance=1)]

    def scoreddocs_iter(self) -> list[Judged]:
        return [Judged("q1", "d1", score=0.1), Judged("q1", "d2", score=0.9)]


def test_scored_documents_of_ir_datasets_are_candidates_best_first(tmp_path: Path) -> None:
    asked = []

    def opened(name: str) -> Opened:
        asked.append(name)
        return Opened()

    fetch(find("msmarco-passage"), tmp_path / "msmarco-passage", ir_datasets=opened)
    found = open_collection("msmarco-passage", data_dir=tmp_path)
    assert asked == ["msmarco-passage/dev/small"]
    assert found.candidates == {"q1": ["d2", "d1"]}
    assert found.qrels == {"q1": {"d1": 1}}


def test_an_id_without_judgements_is_refused() -> None:
    opened = Opened()
    opened.qrels = False
    with pytest.raises(InputError, match="kilt of ir_datasets has no qrels"):
        from_ir_datasets("kilt", opened)


def test_any_id_of_ir_datasets_can_be_opened_where_the_library_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(MissingExtra, match=r"secondpass\[datasets\]"):
        open_collection("ir_datasets:vaswani")
    with pytest.raises(MissingExtra):
        open_ir_datasets("vaswani")
