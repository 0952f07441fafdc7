"""Labelled pairs and triples: columns found and given, labels of every kind, and lists that give nothing away."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.collection import Query
from secondpass.evaluation.tabular import COLUMNS, load_table


def _jsonl(tmp_path: Path, *rows: dict[str, Any]) -> Path:
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_pairs_are_joined_by_their_texts(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text('question,passage,label\nwho?,"me, myself",1\nwho?,"you\ntwo",0\nwhen?,"me, myself",true\n')
    found = load_table(path)
    assert found.name == "mine"
    assert found.queries == {"q1": Query("q1", "who?"), "q2": Query("q2", "when?")}
    assert [document.text for document in found.documents.values()] == ["me, myself", "you\ntwo"]
    assert found.qrels == {"q1": {"d1": 1, "d2": 0}, "q2": {"d1": 1}}


def test_the_same_rows_give_the_same_collection_in_every_format(tmp_path: Path) -> None:
    rows = [{"query": "who?", "document": "me", "label": "2"}, {"query": "who?", "document": "you", "label": "0"}]
    lines = [["query", "document", "label"], *(list(row.values()) for row in rows)]
    (tmp_path / "mine.tsv.gz").write_bytes(gzip.compress("\n".join("\t".join(line) for line in lines).encode()))
    (tmp_path / "mine.csv").write_text("\n".join(",".join(line) for line in lines))
    read = [load_table(tmp_path / name) for name in ("mine.tsv.gz", "mine.csv")]
    assert read == [load_table(_jsonl(tmp_path, *rows))] * 2


def test_triples_may_have_one_negative_or_a_list(tmp_path: Path) -> None:
    found = load_table(
        _jsonl(
            tmp_path,
            {"anchor": "who?", "positive": "me", "negative": "you"},
            {"anchor": "when?", "pos": [{"text": "now"}], "neg": ["then", "you"]},
        )
    )
    graded = {q: {found.documents[d].text: g for d, g in judged.items()} for q, judged in found.qrels.items()}
    assert graded == {"q1": {"me": 1, "you": 0}, "q2": {"now": 1, "then": 0, "you": 0}}


def test_ids_titles_and_instructions_are_kept(tmp_path: Path) -> None:
    row = {
        "qid": "7",
        "query": "who?",
        "instruction": "be brief",
        "docid": "x",
        "title": "Me",
        "text": "I",
        "score": 0.5,
    }
    found = load_table(_jsonl(tmp_path, row))
    assert found.queries["7"] == Query("7", "who?", "be brief")
    assert (found.documents["x"].title, found.documents["x"].text) == ("Me", "I")
    assert found.qrels == {"7": {"x": 0.5}}


def test_columns_can_be_given_by_name(tmp_path: Path) -> None:
    rows = {"frage": "wer?", "absatz": "ich", "note": 3}
    found = load_table(_jsonl(tmp_path, rows), columns={"query": "frage", "document": "absatz", "label": "note"})
    assert found.qrels == {"q1": {"d1": 3}}


def test_a_pair_without_a_label_is_relevant(tmp_path: Path) -> None:
    assert load_table(_jsonl(tmp_path, {"query": "a", "answer": "b"})).qrels == {"q1": {"d1": 1}}


def test_the_order_of_candidates_says_nothing_of_the_labels(tmp_path: Path) -> None:
    rows = [{"query": f"q{i}", "positive": f"right {i}", "negatives": [f"w{i}", f"v{i}"]} for i in range(60)]
    found = load_table(_jsonl(tmp_path, *rows))
    first = [found.qrels[query][listed[0]] for query, listed in found.candidates.items()]
    assert 8 <= sum(first) <= 32  # a third of 60, give or take what chance allows
    assert all(set(listed) == set(found.qrels[query]) for query, listed in found.candidates.items())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"frage": "a", "text": "b"}], "mine.jsonl:1: no column for the query among frage, text"),
        ([{"query": "a", "note": "b"}], "mine.jsonl:1: no column for the document"),
        ([{"query": "a", "text": "b", "label": "perhaps"}], "mine.jsonl:1: the label 'perhaps' is no number"),
        ([{"query": "a", "text": 3}], "mine.jsonl:1: 3 stands where text is wanted"),
        (
            [{"query": "a", "text": "b", "label": 1}, {"query": "a", "text": "b", "label": 0}],
            "mine.jsonl:2: .* had the label 1 before, and have 0 here",
        ),
        (
            [{"query": "a", "docid": "x", "text": "b"}, {"query": "a", "docid": "x", "text": "c"}],
            "mine.jsonl:2: document 'x' had another text",
        ),
        ([{"qid": "1", "query": "a", "text": "b"}, {"qid": "1", "query": "c", "text": "b"}], "query '1' had another"),
        ([], "has no rows"),
    ],
)
def test_rows_that_cannot_be_used_are_refused_with_their_line(
    tmp_path: Path, rows: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        load_table(_jsonl(tmp_path, *rows))


def test_a_given_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = _jsonl(tmp_path, {"query": "a", "text": "b"})
    with pytest.raises(InputError, match="there is no column 'frage'; it has query, text"):
        load_table(path, columns={"query": "frage"})
    with pytest.raises(InputError, match="There is no column 'frage' to give a name to: choose one of query,"):
        load_table(path, columns={"frage": "query"})


def test_no_name_stands_for_two_roles() -> None:
    names = [name for listed in COLUMNS.values() for name in listed]
    assert len(names) == len(set(names))
