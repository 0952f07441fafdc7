"""The BEIR layout: what is read, in every wrapping, and what is refused with the file and the line."""

from __future__ import annotations

import gzip
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from secondpass.errors import InputError, MissingExtra
from secondpass.evaluation.beir import is_beir, load_beir, write_beir
from secondpass.evaluation.collection import Collection, Query
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


PARTS = ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv")


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".zst", zstandard.compress)])
def test_compressed_parts_give_the_same_collection(
    folder: Path, collection: Collection, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    for name in PARTS:
        plain = folder / name
        (folder / f"{name}{ending}").write_bytes(pack(plain.read_bytes()))
        plain.unlink()
    assert load_beir(folder) == collection


@pytest.mark.parametrize("inside", ["kettle/", "", "data/kettle/"])
def test_a_zip_of_the_folder_is_read_as_it_is(folder: Path, collection: Collection, inside: str) -> None:
    archive = folder.parent / "kettle.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("__MACOSX/corpus.jsonl", "not this one")
        for name in PARTS:
            made.write(folder / name, f"{inside}{name}")
    before = sorted(folder.parent.iterdir())
    assert is_beir(archive)
    assert load_beir(archive) == collection
    assert sorted(folder.parent.iterdir()) == before


def test_a_bad_line_in_a_zip_is_named_with_the_archive_and_the_member(folder: Path) -> None:
    archive = folder.parent / "kettle.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for name in PARTS:
            made.write(folder / name, f"kettle/{name}")
        made.writestr("kettle/candidates.tsv", "1\t1\nonly-one\n")
    with pytest.raises(InputError, match=r"kettle\.zip!kettle/candidates\.tsv:2"):
        load_beir(archive)


def test_zst_without_its_library_names_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "corpus.jsonl.zst").write_bytes(zstandard.compress((folder / "corpus.jsonl").read_bytes()))
    (folder / "corpus.jsonl").unlink()
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingExtra, match=r"secondpass\[eval\]"):
        load_beir(folder)


def test_candidates_come_in_the_order_of_their_file(folder: Path) -> None:
    (folder / "candidates.tsv").write_text("query-id\tcorpus-id\n1\t5\n1\t3\nb\t2\n")
    assert load_beir(folder).candidates == {"1": ["5", "3"], "b": ["2"]}


def test_candidates_of_other_data_are_refused(folder: Path) -> None:
    (folder / "candidates.tsv").write_text("1\t99\n")
    with pytest.raises(InputError, match="document '99' of query '1' is not in the corpus of kettle"):
        load_beir(folder)


def test_fractional_grades_are_read_and_whole_ones_stay_whole(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("1\t1\t0.5\n1\t2\t2\n")
    judged = load_beir(folder).qrels["1"]
    assert judged == {"1": 0.5, "2": 2}
    assert isinstance(judged["2"], int)


def test_other_fields_become_metadata(folder: Path) -> None:
    row = {"_id": "1", "text": "tea", "date": "1958", "metadata": {"lang": "en"}}
    (folder / "corpus.jsonl").write_text(json.dumps(row))
    assert load_beir(folder).documents["1"].metadata == {"date": "1958", "lang": "en"}


def test_what_is_written_is_read_back(folder: Path, tmp_path: Path) -> None:
    (folder / "candidates.tsv").write_text("1\t5\n1\t3\n")
    found = load_beir(folder)
    assert load_beir(write_beir(found, tmp_path / "copies" / "kettle")) == found
    with pytest.raises(InputError, match="is there already"):
        write_beir(found, tmp_path / "copies" / "kettle")


def test_a_write_that_fails_leaves_nothing(collection: Collection, tmp_path: Path) -> None:
    broken = Collection("x", collection.documents, collection.queries, {"1": {"1": "high"}})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="format code"):
        write_beir(broken, tmp_path / "copies" / "x")
    assert not list((tmp_path / "copies").iterdir())


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
    with pytest.raises(InputError, match=f"it has no {part}, nor with .gz or .zst"):
        load_beir(folder)


@pytest.mark.parametrize(
    ("part", "line", "said"),
    [
        ("corpus.jsonl", '{"_id": "9"}', "corpus.jsonl:6: there is no field 'text'"),
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
    with pytest.raises(InputError, match=r"queries.jsonl:1: not UTF-8"):
        load_beir(folder)


def test_a_split_that_is_not_there_names_those_that_are(folder: Path) -> None:
    with pytest.raises(InputError, match=r"It has test\.tsv: choose a split"):
        load_beir(folder, split="dev")


def test_a_damaged_zst_is_refused_by_name(folder: Path) -> None:
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl.zst").write_bytes(b"plain text")
    with pytest.raises(InputError, match=r"corpus\.jsonl\.zst cannot be read"):
        load_beir(folder)
