from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.cli import source
from secondpass.cli.options import Format
from secondpass.cli.source import Fields, read
from secondpass.errors import InputError
from secondpass.types import AnyDocument, Document

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def documents(path: Path, *, fields: Fields | None = None, file_format: Format | None = None) -> list[AnyDocument]:
    return [candidate.document for candidate in read([path], fields or Fields(), file_format)]


def test_each_line_of_a_text_file_is_a_document_and_blank_lines_are_not(write: Write) -> None:
    path = write("a.txt", "  one \r\n\n \ntwo\u2028still two")
    found = read([path], Fields())
    assert [c.document for c in found] == ["  one ", "two\u2028still two"]
    assert [c.place for c in found] == [f"{path}:1", f"{path}:4"]


def test_a_byte_order_mark_is_no_part_of_the_text(write: Write) -> None:
    assert documents(write("a.txt", b"\xef\xbb\xbfone")) == ["one"]


def test_a_jsonl_record_becomes_a_document_with_the_rest_as_metadata(write: Write) -> None:
    path = write("a.jsonl", '{"_id": 7, "title": "T", "text": "x", "year": 1999}\n"plain"\n')
    assert documents(path) == [Document("x", id="7", title="T", metadata={"year": 1999}), "plain"]


def test_fields_may_have_other_names(write: Write) -> None:
    path = write("a.jsonl", '{"key": "k", "head": "H", "body": "x", "text": "metadata now"}')
    found = documents(path, fields=Fields(text="body", id="key", title="head"))
    assert found == [Document("x", id="k", title="H", metadata={"text": "metadata now"})]


def test_a_record_without_text_is_kept_whole(write: Write) -> None:
    schema = {"name": "get_weather", "parameters": {"city": "string"}}
    assert documents(write("a.jsonl", json.dumps(schema))) == [schema]


def test_json_may_be_a_list_or_an_object_of_lists(write: Write) -> None:
    rows = [{"id": "1", "text": "one"}, {"id": "2", "text": "two"}]
    expected = [Document("one", id="1"), Document("two", id="2")]
    assert documents(write("a.json", json.dumps(rows, indent=1))) == expected
    assert documents(write("b.json", '{"id": ["1", "2"], "text": ["one", "two"]}')) == expected
    assert documents(write("c.json", json.dumps({"documents": rows}))) == expected
    assert documents(write("d.json", '["one", "two"]')) == ["one", "two"]


def test_csv_and_tsv_rows_are_records(write: Write) -> None:
    expected = [Document('a "quoted", word\nand a line', id="1")]
    assert documents(write("a.csv", 'id,text\n1,"a ""quoted"", word\nand a line"\n')) == expected
    assert documents(write("a.tsv", 'id\ttext\n1\t"a ""quoted"", word\nand a line"\n')) == expected


def test_a_csv_cell_may_be_megabytes(write: Write) -> None:
    assert documents(write("a.csv", "text\n" + "word " * 500_000)) == [Document("word " * 500_000)]


def test_gzipped_files_are_read_by_the_name_inside(write: Write) -> None:
    assert documents(write("a.jsonl.gz", gzip.compress(b'{"text": "x"}'))) == [Document("x")]


def test_files_follow_one_another_and_the_format_may_be_forced(write: Write) -> None:
    first, second = write("a.dat", '{"text": "x"}\n{"text": "y"}'), write("b.txt", '"z"')
    found = read([first, second], Fields(), "jsonl")
    assert [c.document for c in found] == [Document("x"), Document("y"), "z"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"text": "x"}\n{"text": "y"}\n', [Document("x"), Document("y")]),
        ('{"text": "x"}', [Document("x")]),
        ('{\n  "text": ["x"]\n}', ["x"]),
        ('{"text": ["x"]}', ["x"]),
        ('["x"]', ["x"]),
        ("x\n{y}", ["x", "{y}"]),
        ('"a quote" is a line', ['"a quote" is a line']),
    ],
)
def test_a_file_without_a_telling_name_is_recognised(write: Write, content: str, expected: list[AnyDocument]) -> None:
    assert documents(write("documents", content)) == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"text": "x"}\n{"text": \n', r"a\.jsonl:2: not JSON"),
        ("a.jsonl", '{"text": "x"}\n\n3\n', r"a\.jsonl:3: 3 is no document"),
        ("a.jsonl", '{"text": null}', r"a\.jsonl:1: the field 'text' is null"),
        ("a.jsonl", '{"text": "x", "title": 3}', r"a\.jsonl:1: the field 'title' is 3"),
        ("a.jsonl", '{"text": "x", "n": NaN}', r"a\.jsonl:1: NaN is not JSON"),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl:1: not JSON that can be read"),
        ("a.jsonl", '{"text": "x"}\n\xff'.encode("latin-1"), r"a\.jsonl:2: not UTF-8"),
        ("a.json", '[\n"x",\n', r"a\.json:3: not JSON.*--format"),
        ("a.json", '["x", 5]', r"a\.json: item 2: 5 is no document"),
        ("a.json", '"x"', r"a\.json: holds one str"),
        ("a.json", "{}", r"a\.json: an object must hold lists"),
        ("a.json", '{"a": ["x"], "b": 1}', r"a\.json: .* 'b' is not a list"),
        ("a.json", '{"id": ["1"], "text": ["x", "y"]}', r"a\.json: the lists differ in length \(id: 1, text: 2\)"),
        ("a.csv", "id,text\n1,x\n2,y,z\n", r"a\.csv:3: 3 fields, but the header has 2"),
        ("a.csv", 'id,text\n1,"x', r"a\.csv:2: not ','-separated"),
        ("a.txt", " \n\n", r"no documents in .*a\.txt"),
        ("a.txt", "", r"no documents in .*a\.txt"),
        ("a.jsonl.gz", "not gzip", r"a\.jsonl\.gz cannot be read"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "x"}' * 99)[:-20], r"a\.jsonl\.gz cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(
    write: Write, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        documents(write(name, content))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt cannot be read: No such file"):
        documents(tmp_path / "none.txt")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        documents(tmp_path)


def test_a_field_that_was_asked_for_must_be_there(write: Write) -> None:
    path = write("a.jsonl", '{"body": "x"}\n{"text": "y"}')
    with pytest.raises(InputError, match=r"a\.jsonl:2: there is no field 'body'; it has 'text'"):
        documents(path, fields=Fields(text="body"))


def test_lines_have_no_fields_to_ask_for(write: Write) -> None:
    with pytest.raises(InputError, match="was read as lines, which have no fields"):
        documents(write("a.txt", "x"), fields=Fields(text="body"))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(texts=st.lists(TEXT, min_size=1))
def test_every_text_comes_back_from_every_format_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("formats")
    rows = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    (folder / "a.json").write_text(json.dumps(rows), encoding="utf-8")
    with (folder / "a.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    expected = [Document(text, id=str(number)) for number, text in enumerate(texts)]
    assert documents(folder / "a.json") == expected
    assert documents(folder / "a.jsonl") == expected


@given(texts=st.lists(TEXT.filter(lambda text: "\0" not in text), min_size=1))
def test_every_text_comes_back_from_csv(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows(enumerate(texts))
    assert [d.text for d in documents(path) if isinstance(d, Document)] == texts


def test_the_places_of_a_json_file_count_its_items(write: Write) -> None:
    assert [c.place for c in source.read([write("a.json", '["x", "y"]')], Fields())][1].endswith("a.json: item 2")


def test_a_program_without_stdin_is_told_what_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="name a FILE"):
        read([], Fields())
