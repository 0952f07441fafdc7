"""Candidate lists in every format, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.candidates import read_candidates

LISTED = {"q1": ["d2", "d1"], "q2": ["d3"]}
SCORED = {"q1": {"d1": 0.1, "d2": 0.9}, "q2": {"d3": -1.0}}


@pytest.mark.parametrize(
    "value",
    [
        LISTED,
        SCORED,
        {"test": SCORED},
        {"mteb_model_meta": {"model_name": "bm25s"}, "default": {"test": SCORED}},
    ],
)
def test_json_of_mteb_is_read_in_all_its_forms(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "top.json"
    path.write_text(json.dumps(value))
    assert read_candidates(path) == LISTED


def test_rows_of_mteb_are_read(tmp_path: Path) -> None:
    path = tmp_path / "top_ranked.jsonl"
    path.write_text("\n".join(json.dumps({"query-id": q, "corpus-ids": ids}) for q, ids in LISTED.items()))
    assert read_candidates(path) == LISTED


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("c.tsv", "q\td\nq\td\n", r"c\.tsv:2: document 'd' stands a second time"),
        ("c.tsv", "q d\n", r"c\.tsv:1: .* is not `query-id"),
        ("c.jsonl", '{"query-id": "q"}', r"c\.jsonl:1: not a JSON object with `query-id`"),
        ("c.json", "[1]", r"c\.json: holds one list"),
        ("c.json", "{", r"c\.json: not JSON"),
        ("c.json", '{"q": "d"}', r"c\.json: query 'q': neither a list"),
        ("c.json", '{"en": {"q": ["d"]}, "de": {"q": ["d"]}}', r"c\.json: holds en, de"),
        ("c.txt", "q\td\n", r"must end in \.tsv, \.jsonl, \.json"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        read_candidates(tmp_path / name)
