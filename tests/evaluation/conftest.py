"""A small real collection in the BEIR layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.collection import Collection

CORPUS = [
    {"_id": "1", "title": "Water", "text": "Water boils at 100 degrees Celsius at sea level."},
    {"_id": "2", "title": "", "text": "Copper conducts electricity better than iron."},
    {"_id": "3", "text": "At high altitude water boils at a lower temperature."},
    {"_id": 4, "title": "Tea", "text": "Green tea is brewed with water below the boiling point."},
    {"_id": "5", "text": "The capital of Norway is Oslo."},
]
QUERIES = [
    {"_id": "1", "text": "at which temperature does water boil"},
    {"_id": "b", "text": "best metal for electric wires", "instruction": "prefer physics"},
    {"_id": "c", "text": "population of Oslo"},
]
QRELS = ["1\t1\t2", "1\t3\t1", "1\t5\t0", "b\t2\t1", "c\t5\t0", "gone\t1\t1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The collection as plain files."""
    root = tmp_path / "kettle"
    (root / "qrels").mkdir(parents=True)
    (root / "corpus.jsonl").write_text("\n".join(json.dumps(row) for row in CORPUS), encoding="utf-8")
    (root / "queries.jsonl").write_text("\n".join(json.dumps(row) for row in QUERIES), encoding="utf-8")
    rows = ["query-id\tcorpus-id\tscore", *QRELS]
    (root / "qrels" / "test.tsv").write_text("\n".join(rows), encoding="utf-8")
    return root


@pytest.fixture
def collection(folder: Path) -> Collection:
    """The collection, read."""
    return load_beir(folder)
