from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secondpass.text.render import describe, render
from secondpass.text.structure.kind import Record
from secondpass.text.structure.registry import RECORD_KINDS, TEXT_KINDS
from secondpass.types import AnyDocument, Document

MARKED = st.text(st.sampled_from("<>{}[]()#-|:,;'\"\\/=* \n\tadefclsfunction1"), max_size=200)
OPENINGS = (
    "",
    "{'a': ",
    "<p>",
    "CREATE TABLE a (",
    "def f(x):\n ",
    "# a\n\n",
    "a:\n  - ",
    "a,b,c\n",
    "---\na: b\n---\n",
)

KINDS: list[tuple[AnyDocument, str, str]] = [
    (
        "{'Name': 'getWeather', 'Specification': 'Weather of a city', 'spec': 'https://a.b'}",
        "tool",
        "getWeather (get weather)\nWeather of a city\nspec: https://a.b",
    ),
    (
        {
            "type": "function",
            "function": {
                "name": "lookup",
                "description": "Looks it up",
                "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "A city"}}},
            },
        },
        "tool",
        "lookup\nLooks it up\nparameters:\n  city: A city",
    ),
    (
        '{"tools": [{"name": "a", "description": "x", "inputSchema": {}}, '
        '{"name": "b", "description": "y", "inputSchema": {}}]}',
        "tool",
        "tools: a, b\na\nx\nb\ny",
    ),
    (
        "CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE `b` (a_id INT REFERENCES a(id), n TEXT COMMENT 'full name')",
        "sql",
        "tables: a, b\ntable a\ncolumns: id\ntable b\ncolumns: a_id, n (full name)\nreferences: a",
    ),
    (
        {"TABLE_NAME": "users", "COLUMN_NAME": "firstName", "DATA_TYPE": "text"},
        "table",
        "table users\ncolumn firstName (first name)",
    ),
    (
        {"$jsonSchema": {"bsonType": "object", "title": "Student", "properties": {"age": {"bsonType": "int"}}}},
        "collection",
        "collection Student\nage",
    ),
    (
        {"title": "Person", "type": "object", "properties": {"age": {"type": "integer", "description": "in years"}}},
        "json schema",
        "Person\nage: in years",
    ),
    (
        {"id": "7", "name": "Pixel 9", "price": 3, "brand": "Google"},
        "product",
        "Pixel 9\nbrand: Google\nprice: 3\nid: 7",
    ),
    ({"id": "7", "first": "Ann"}, "record", "id: 7\nfirst: Ann"),
    ("id,name,price\n1,Ann,3", "record", "id: 1\nname: Ann\nprice: 3"),
    ("kind: Deployment\nmetadata:\n  name: web", "record", "kind: Deployment\nmetadata:\n  name: web"),
    ("# Title\n\nSome *text* [here](http://b).", "markdown", "Title\nSome text here."),
    ("<title>T</title><nav>menu</nav><h1>T</h1><p>Hello <b>you</b> &amp; me</p>", "html", "T\nHello you & me\nmenu"),
    (
        'def parseHTTPReply(data):\n    """Read it."""\n    return data\n',
        "code",
        "parse HTTP reply\ndef parseHTTPReply(data):\nRead it.\n    return data",
    ),
]
CODE = [
    "/** Adds. */\npublic int addTwo(int a, int b) { return a + b; }",
    "// Adds.\nfunc addTwo(a int, b int) int {\n\treturn a + b\n}",
    "/// Adds.\npub fn addTwo(a: i32, b: i32) -> i32 { a + b }",
    "# Adds.\ndef addTwo(a, b)\n  a + b\nend",
    "/* Adds. */\nstatic int addTwo(int a, int b) {\n  return a + b;\n}",
    "/** Adds. */\nexport const addTwo = (a, b) => a + b;",
    "/** Adds. */\nfunction addTwo($a, $b) { return $a + $b; }",
]


@pytest.mark.parametrize(("document", "kind", "text"), KINDS, ids=lambda value: value if isinstance(value, str) else "")
def test_each_kind_is_found_and_its_most_telling_part_comes_first(document: AnyDocument, kind: str, text: str) -> None:
    found = describe(document)
    assert (found.kind, found.text) == (kind, text)
    assert render(document, version=2) == text


@pytest.mark.parametrize("source", CODE)
def test_name_signature_and_comment_come_before_the_body_in_every_language(source: str) -> None:
    found = describe(source)
    assert found.kind == "code"
    name, signature, comment, *body = found.text.split("\n")
    assert name == "add two"
    assert "addTwo" in signature
    assert comment == "Adds."
    assert "+" in "\n".join(body)


@pytest.mark.parametrize(
    "prose",
    [
        "Red, white, blue\nGreen, black, gold",
        "Class struggle is (in short) defined.\nFunction of the heart: to pump.",
        "ROMEO: But soft!\nJULIET: Ay me.",
        "He said: create table reservations early { or not }.",
        "#1 is the best\n# 2 follows",
        "a < b and <unknown> things",
    ],
)
def test_prose_stays_as_it_is(prose: str) -> None:
    found = describe(prose)
    assert found.text == prose
    assert not found.parsed


@settings(deadline=None)
@given(st.sampled_from(OPENINGS), st.text() | MARKED)
def test_no_text_is_refused(opening: str, text: str) -> None:
    found = describe(opening + text)
    assert found.parsed or found.text == opening + text


@pytest.mark.parametrize("text", ["def f():\n  '\ud800'\n", "# a\n\n\ud800", "a:\n  - \ud800\n", "{'a': '\\d \ud800'}"])
def test_lone_surrogates_and_odd_escapes_are_read(text: str) -> None:
    assert describe(text).text


def test_what_is_too_long_to_parse_is_read_as_text() -> None:
    text = "# Title\n\n" + "word " * 400_000
    found = describe(text)
    assert found.text == text
    assert found.failed == ("markdown",)


def test_chosen_fields_are_all_that_is_read_of_a_record_and_may_be_paths() -> None:
    record = {"a": {"b": 1, "c": 2}, "d": [{"e": "x"}, {"e": "y"}], "f": 3}
    assert describe(record, fields=["d.e", "a.b"]).text == "d.e: x, y\na.b: 1"
    assert describe(record, fields=["missing"]).text == describe(record).text


def test_a_document_keeps_its_title_above_its_structure() -> None:
    found = describe(Document("# Install\n\nRun *it*.", title="Guide", metadata={"x": {"y": 1}}), fields=["x.y"])
    assert found.text == "Guide\nx.y: 1\nInstall\nRun it."


def test_names_of_kinds_are_unique() -> None:
    names = [kind.name for kind in (*TEXT_KINDS, *RECORD_KINDS)]
    assert len(set(names)) == len(names)
    empty: Record = []
    assert not any(kind.sniff(empty) for kind in RECORD_KINDS)
