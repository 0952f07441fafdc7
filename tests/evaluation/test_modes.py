"""FollowIR's and InfoSearch's own layouts, read from folders; pairs and modes that do not hold together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.beir import write_beir
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.datasets import open_collection
from secondpass.evaluation.following import by_group
from secondpass.evaluation.metrics import evaluate_all
from secondpass.evaluation.record import Protocol, Record

CORPUS = [{"_id": d, "title": "", "text": f"text of {d}"} for d in "abcd"]


def written(folder: Path, lines: Mapping[str, Sequence[Mapping[str, Any]]], qrels: Mapping[str, Sequence[str]]) -> Path:
    for name, rows in lines.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for name, judged in qrels.items():
        (folder / name).mkdir()
        (folder / name / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *judged]), encoding="utf-8")
    return folder


def followir(folder: Path) -> Path:
    queries = [{"_id": f"7-{end}", "text": "dams"} for end in ("og", "changed")]
    return written(
        folder,
        {
            "corpus": CORPUS,
            "queries": queries,
            "instruction": [
                {"query-id": "7-og", "instruction": "any dam"},
                {"query-id": "7-changed", "instruction": "no cost"},
            ],
            "qrel_diff": [{"query-id": "7", "corpus-ids": ["b"]}],
            "top_ranked": [{"query-id": query["_id"], "corpus-ids": ["a", "b", "c"]} for query in queries],
        },
        {"qrels": ["7-og\ta\t1", "7-og\tb\t1", "7-changed\ta\t1", "7-changed\tb\t0"]},
    )


def values(collection: Collection, orders: Mapping[str, str]) -> Mapping[str, Mapping[str, float]]:
    run = {query: {d: -float(rank) for rank, d in enumerate(order)} for query, order in orders.items()}
    asked = [name for name in collection.measures if name.startswith(("nDCG", "AP"))]
    record = Record(Protocol("", "", 4, 2, None, ""), "m", "", evaluate_all(run, collection.qrels, asked), run, {}, {})
    return by_group(record, collection).values


def test_followir_is_a_group_a_pair_with_the_documents_that_the_edit_changes(tmp_path: Path) -> None:
    found = open_collection(followir(tmp_path / "core17"))
    assert found.groups["7"].modes == {"original": "7-og", "changed": "7-changed"}
    assert found.groups["7"].changed == ("b",)
    assert [query.instruction for query in found.queries.values()] == ["any dam", "no cost"]
    assert found.candidates["7-og"] == ["a", "b", "c"]
    made = values(found, {"7-og": "bac", "7-changed": "acb"})
    assert made["p-MRR"] == {"7": pytest.approx(1 - 1 / 3)}
    assert made["AP changed"] == {"7": 1.0}
    assert found.measures == ("p-MRR", "nDCG@5", "AP")


def test_followir_is_the_same_after_it_was_kept_as_a_folder(tmp_path: Path) -> None:
    found = open_collection(followir(tmp_path / "core17"))
    again = open_collection(write_beir(found, tmp_path / "kept"))
    assert (again.groups, again.queries, again.qrels) == (found.groups, found.queries, found.qrels)
    assert {query: list(listed) for query, listed in again.candidates.items()} == found.candidates


def test_half_a_pair_is_refused(tmp_path: Path) -> None:
    folder = followir(tmp_path / "core17")
    (folder / "qrel_diff.jsonl").write_text(
        '{"query-id": "8", "corpus-ids": []}\n{"query-id": "9", "corpus-ids": ["b"]}'
    )
    with pytest.raises(InputError, match="core17 has no query '9-og' with judgements"):
        open_collection(folder)


def infosearch(folder: Path) -> Path:
    told = {"instruction_og": "", "instruction_changed": "for children", "instruction_reversed": "for experts"}
    return written(
        folder,
        {"corpus": CORPUS, "queries": [{"_id": "q", "text": "volcanoes", **told}, {"_id": "unjudged", "text": "x"}]},
        {"qrels_og": ["q\ta\t1", "q\tb\t1"], "qrels_changed": ["q\ta\t1", "q\tb\t0"], "qrels_reversed": ["q\tb\t1"]},
    )


def test_infosearch_is_ranked_thrice_and_its_measures_compare_the_three(tmp_path: Path) -> None:
    found = open_collection(infosearch(tmp_path / "Audience"))
    assert found.modes == ("original", "instructed", "reversed")
    assert [query.instruction for query in found.queries.values()] == [None, "for children", "for experts"]
    assert found.groups["q"].changed == ("b",)
    good = values(found, {"q:original": "bacd", "q:instructed": "abcd", "q:reversed": "bcad"})
    # a: 2, 1, 3 of two judged; b: 1, 2
    assert good["WISE"] == {"q": pytest.approx(1 - 1 / 20)}
    assert good["p-MRR"] == {"q": 0.5}
    assert set(good) >= {"SICR", "nDCG@10 reversed"}


def test_a_missing_part_of_infosearch_is_named(tmp_path: Path) -> None:
    folder = infosearch(tmp_path / "Audience")
    (folder / "queries.jsonl").unlink()
    with pytest.raises(InputError, match=r"has no queries\.jsonl"):
        open_collection(folder)
