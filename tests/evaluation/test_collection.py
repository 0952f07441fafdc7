"""BEIR folders: what is read, and what is refused with the file and the line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection, Query, load_beir
from secondpass.types import Document


def test_documents_queries_and_judgements_are_read_in_their_order(collection: Collection) -> None:
    assert collection.name == "kettle"
    assert list(collection.documents) == ["1", "2", "3", "4", "5"]
    assert collection.documents["1"] == Document(
        "Water boils at 100 degrees Celsius at sea level.", id="1", title="Water"
    )
    assert collection.queries["b"] == Query("b", "best metal for electric wires", "prefer physics")
    assert collection.qrels["1"] == {"1": 2, "3": 1, "5": 0}


def test_a_blank_title_or_instruction_is_none(collection: Collection) -> None:
    assert collection.documents["2"].title is None
    assert collection.queries["1"].instruction is None


def test_gzipped_parts_give_the_same_collection(folder: Path, collection: Collection) -> None:
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        plain = folder / name
        (folder / f"{name}.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    assert load_beir(folder) == collection


def test_judgements_without_a_header_line_lose_none(folder: Path, collection: Collection) -> None:
    path = folder / "qrels" / "test.tsv"
    path.write_text(path.read_text().split("\n", 1)[1])
    assert load_beir(folder).qrels == collection.qrels


def test_another_split_is_read_by_name(folder: Path) -> None:
    (folder / "qrels" / "dev.tsv").write_text("c\t5\t1\n")
    assert load_beir(folder, split="dev").qrels == {"c": {"5": 1}}


@pytest.mark.parametrize("part", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_missing_part_is_named(folder: Path, part: str) -> None:
    (folder / part).unlink()
    with pytest.raises(InputError, match=f"neither {part} nor {part}.gz"):
        load_beir(folder)


@pytest.mark.parametrize(
    ("part", "line", "said"),
    [
        ("corpus.jsonl", '{"_id": "9"}', r"corpus.jsonl:6: .*KeyError\('text'\)"),
        ("corpus.jsonl", '{"_id": "9", "text": null}', "corpus.jsonl:6: `text` is None"),
        ("corpus.jsonl", '{"_id": "1", "text": "again"}', "corpus.jsonl:6: the id '1' stands there a second time"),
        ("queries.jsonl", "not json", "queries.jsonl:4: not a JSON object"),
        ("queries.jsonl", "[1]", "queries.jsonl:4: not a JSON object"),
        ("qrels/test.tsv", "1\t2\thigh", "test.tsv:8: .* is not `query-id"),
        ("qrels/test.tsv", "1 2 1", "test.tsv:8: .* is not `query-id"),
        ("qrels/test.tsv", "1\t1\t1", "test.tsv:8: query '1' and document '1' are judged a second time"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused_with_its_number(folder: Path, part: str, line: str, said: str) -> None:
    with (folder / part).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(InputError, match=said):
        load_beir(folder)


@pytest.mark.parametrize("damaged", [b"plain text", gzip.compress(b'{"_id": "1", "text": "cut off"}' * 50)[:-12]])
def test_a_damaged_archive_is_refused_by_name(folder: Path, damaged: bytes) -> None:
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl.gz").write_bytes(damaged)
    with pytest.raises(InputError, match=r"corpus.jsonl.gz"):
        load_beir(folder)


def test_bytes_that_are_not_utf8_are_refused_by_name(folder: Path) -> None:
    (folder / "queries.jsonl").write_bytes(b'{"_id": "1", "text": "caf\xe9"}')
    with pytest.raises(InputError, match=r"queries.jsonl cannot be read"):
        load_beir(folder)
