"""Contextual AI's instruction sets: one passage with many metadata, in an order that gives nothing away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.datasets import open_collection

ROW: dict[str, Any] = {
    "query": "limit",
    "instruction": "prefer the manual",
    "positive_metadata": "source: manual",
    "negative_metadata": ["source: forum", "source: blog", "source: mail"],
    "source_dataset": "mteb/msmarco",
    "passage_id": 7,
}
PASSAGE = {"source_dataset": "mteb/msmarco", "passage_id": "7", "text": "The limit is 5."}


def written(tmp_path: Path, row: dict[str, Any], passage: dict[str, str] = PASSAGE) -> Path:
    (tmp_path / "train.jsonl").write_text("\n".join(json.dumps({**row, "query": f"limit {i}"}) for i in range(12)))
    (tmp_path / "passages.jsonl").write_text(json.dumps(passage))
    return tmp_path


def test_the_candidates_are_the_passage_with_each_of_the_metadata(tmp_path: Path) -> None:
    found = open_collection(written(tmp_path, ROW))
    texts = [found.documents[document].text for document in found.candidates["q1"]]
    assert sorted(texts) == sorted(f"The limit is 5.\nsource: {name}" for name in ("manual", "forum", "blog", "mail"))
    best = [document for document, grade in found.qrels["q1"].items() if grade]
    assert [found.documents[document].metadata["metadata"] for document in best] == ["source: manual"]
    assert (found.modes, found.measures, found.groups["q1"].kind) == (("plain",), ("RR",), "mteb/msmarco")


def test_the_place_of_the_positive_gives_nothing_away(tmp_path: Path) -> None:
    found = open_collection(written(tmp_path, ROW))
    places = {
        [found.qrels[query][document] for document in found.candidates[query]].index(1) for query in found.queries
    }
    assert len(places) > 1


def test_a_passage_that_is_not_here_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train\.jsonl:1: the passage '7' of 'mteb/msmarco' is not here: fetch it"):
        open_collection(written(tmp_path, ROW, {**PASSAGE, "passage_id": "8"}))


def test_metadata_that_are_no_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train\.jsonl:1: `negative_metadata` is 'one'"):
        open_collection(written(tmp_path, {**ROW, "negative_metadata": "one"}))
