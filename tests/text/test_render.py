from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.text.render import MAX_DEPTH, RENDERER, as_documents, as_query, render
from secondpass.types import AnyDocument, Document

LINE = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1).filter(str.strip)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)

WEATHER = {
    "name": "get_weather",
    "description": "Current weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "City, as in\nParis"},
            "unit": {"enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city"],
        "examples": [{"city": "Paris", "unit": None}, {"city": "Kraków", "days": [1, 2]}],
    },
    "strict": True,
    "deprecated": None,
}
WEATHER_TEXT = """\
name: get_weather
description: Current weather in a city.
parameters:
  type: object
  properties:
    city:
      type: string
      description: City, as in
        Paris
    unit:
      enum: celsius, fahrenheit
  required: city
  examples:
    - city: Paris
    - city: Kraków
      days: 1, 2
strict: true"""


# render


@given(st.text())
def test_a_string_is_read_as_it_is(text: str) -> None:
    assert render(text) == text
    assert render(Document(text)) == text
    assert render({"text": text}) == text


@given(LINE, st.text())
def test_a_title_is_the_first_line(title: str, text: str) -> None:
    repeated = text == title or text.startswith(f"{title}\n")
    expected = text if repeated else f"{title}\n{text}"
    assert render(Document(text, title=title)) == expected
    assert render({"title": title, "text": text}) == expected


@pytest.mark.parametrize("title", [None, "", " \t", "Wing flow"])
def test_a_title_that_is_missing_or_the_first_line_already_is_left_out(title: str | None) -> None:
    assert render(Document("Wing flow\nPast the wing.", title=title)) == "Wing flow\nPast the wing."


def test_a_title_that_the_text_only_begins_with_is_kept() -> None:
    assert render(Document("Wing flow is slow.", title="Wing flow")) == "Wing flow\nWing flow is slow."


def test_chosen_metadata_stands_between_title_and_text_in_the_order_asked_for() -> None:
    metadata = {"year": 1958, "author": "Y. Wing", "pages": None, "tags": ["flow", "air"], "place": {"city": "Kraków"}}
    document = Document("Past the wing.", title="Flow", metadata=metadata)
    fields = ("author", "year", "pages", "publisher", "tags", "place")
    expected = "Flow\nauthor: Y. Wing\nyear: 1958\ntags: flow, air\nplace:\n  city: Kraków\nPast the wing."
    assert render(document, fields=fields) == expected
    assert render(document) == "Flow\nPast the wing."


@pytest.mark.parametrize(
    "mapping",
    [
        {"title": "Flow", "text": "Past.", "year": 1958, "id": "d1"},
        {"title": "Flow", "content": "Past.", "metadata": {"year": 1958}},
        {"page_content": "Past.", "title": "Flow", "metadata": {"year": 1958, "source": "x"}},
        {"text": None, "body": "Past.", "title": "Flow", "year": 1958},
    ],
)
def test_a_mapping_with_a_text_is_a_document_whatever_the_key(mapping: dict[str, Any]) -> None:
    assert render(mapping) == "Flow\nPast."
    assert render(mapping, fields=["year"]) == "Flow\nyear: 1958\nPast."


def test_a_title_that_is_no_string_is_not_shown() -> None:
    assert render({"title": {"en": "Flow"}, "text": "Past."}) == "Past."


def test_a_function_schema_reads_like_yaml() -> None:
    assert render(WEATHER) == WEATHER_TEXT


def test_a_table_row_keeps_its_order_and_leaves_out_what_is_missing() -> None:
    row = {
        "sku": "B-12", "price": 3.5, "stock": np.int64(7), "rating": np.float64("nan"), "note": "", "brand": None,
        "since": dt.date(2024, 2, 29), "sizes": np.array([36, 38]), "tags": (), "sold": np.bool_(False),
    }  # fmt: skip
    assert render(row) == "sku: B-12\nprice: 3.5\nstock: 7\nsince: 2024-02-29\nsizes: 36, 38\nsold: false"


def test_what_pandas_calls_missing_is_left_out() -> None:
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    row = {"sku": "B-12", "stock": pandas.NA, "since": pandas.NaT}
    assert render(row) == "sku: B-12"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a, b", "c"], "k:\n  - a, b\n  - c"),
        ([["a", "b"], ["c"]], "k:\n  - a, b\n  - c"),
        ([[["a"], ["b"]]], "k:\n  - - a\n    - b"),
        ([None, "a", ""], "k: a"),
        ([None, {}], ""),
        ({"a": {"b": {}}}, ""),
        ({3, 1, 2}, "k: 1, 2, 3"),
        ("a\nb", "k: a\n  b"),
        (b"caf\xc3\xa9 \xff", "k: café \ufffd"),
        (0, "k: 0"),
    ],
)
def test_nested_values_are_readable(value: Any, expected: str) -> None:
    assert render({"k": value}) == expected


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_any_record_has_a_text_and_always_the_same(record: dict[str, Any]) -> None:
    before = repr(record)
    assert render(record) == render(dict(record))
    assert repr(record) == before


@given(st.dictionaries(st.text("ab", min_size=1), st.text("xyz \n", min_size=1), min_size=1, max_size=5))
def test_every_word_of_a_record_is_read(record: dict[str, str]) -> None:
    assert render(record).split() == [word for k, v in record.items() for word in (f"{k}: {v}").split()]


def test_sets_are_written_in_the_same_order_in_every_process() -> None:
    script = "from secondpass.text.render import render; print(render({'k': {'one', 'two', 'three', 'four'}}))"
    found = {
        subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True, env={**os.environ, **seed}
        ).stdout
        for seed in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"}, {"PYTHONHASHSEED": "3"})
    }
    assert found == {"k: four, one, three, two\n"}


def test_a_record_that_holds_itself_is_refused() -> None:
    record: dict[str, Any] = {"name": "loop"}
    record["self"] = record
    listed: list[Any] = []
    listed.append(listed)
    for looped in (record, {"self": listed}):
        with pytest.raises(InputError, match=f"more than {MAX_DEPTH} deep"):
            render(looped)


def test_a_record_of_ordinary_depth_is_written_whole() -> None:
    deep = json.loads('{"a":' * 40 + "1" + "}" * 40)
    assert render(deep).splitlines()[-1] == "  " * 39 + "a: 1"


def test_an_unknown_renderer_is_refused() -> None:
    assert render("x", version=RENDERER) == "x"
    with pytest.raises(InputError, match=r"version 99.*versions 1 and 2"):
        render("x", version=99)


# as_documents


def a_generator() -> Iterator[str]:
    yield "a"
    yield "b"


@pytest.mark.parametrize(
    "documents",
    [
        ["a", "b"],
        ("a", "b"),
        a_generator(),
        np.array(["a", "b"]),
        np.array(["a", "b"], object),
        {"a": 0, "b": 0}.keys(),
    ],
)
def test_any_iterable_of_strings_will_do(documents: Any) -> None:
    assert as_documents(documents) == ["a", "b"]


def test_a_column_of_a_data_frame_will_do_and_the_frame_will_not() -> None:
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    frame = pandas.DataFrame({"text": ["a", "b"], "id": [1, 2]})
    assert as_documents(frame["text"]) == ["a", "b"]
    assert as_documents(frame.to_dict("records")) == [{"text": "a", "id": 1}, {"text": "b", "id": 2}]
    with pytest.raises(InputError, match=r"DataFrame\. Give one of its columns"):
        as_documents(frame)


def test_documents_are_kept_in_order_and_as_they_are() -> None:
    given: list[AnyDocument] = ["", Document("a", title="t"), {"name": "f"}, "\ud800"]
    found = as_documents(given)
    assert found == given
    assert found is not given
    assert as_documents([]) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, r"documents\[1\] is None, a NoneType.*leave it out, or give an empty string"),
        (float("nan"), r"documents\[1\] is nan, a float.*leave it out"),
        (np.float64("nan"), r"documents\[1\] is .*nan.*leave it out"),
        (3.5, r"documents\[1\] is 3\.5, a float.*str\(document\)"),
        (7, r"documents\[1\] is 7, a int"),
        (b"bytes", r"documents\[1\] is b'bytes', a bytes.*decode"),
        (["nested"], r"documents\[1\] is \['nested'\], a list.*flat list"),
        (("nested", "pair"), r"documents\[1\] is \('nested', 'pair'\), a tuple.*rank_many"),
        (Document(None), r"documents\[1\]\.text is None, a NoneType"),  # type: ignore[arg-type]
        (Document("a", title=3), r"documents\[1\]\.title is 3, a int.*None where there is no title"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_document_is_named_with_its_position_and_the_remedy(wrong: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_documents(["good", wrong, "good"])


def test_a_long_value_is_shortened_in_the_message() -> None:
    with pytest.raises(InputError) as caught:
        as_documents(["good", b"x" * 1_000_000])  # type: ignore[list-item]
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("single", ["one document", b"bytes", Document("one"), {"text": "one"}])
def test_a_single_document_instead_of_a_list_is_refused(single: Any) -> None:
    with pytest.raises(InputError, match=r"documents is a single .* list: \[document\]"):
        as_documents(single)


@pytest.mark.parametrize("wrong", [None, 3])
def test_what_is_no_list_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match=r"and not a list\. Give a list of strings"):
        as_documents(wrong)


# as_query


@given(st.text().filter(lambda text: text.strip() != ""))
def test_a_query_is_left_as_it_is(query: str) -> None:
    assert as_query(query) == query


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u3000\u00a0"])
def test_a_blank_query_is_refused(blank: str) -> None:
    with pytest.raises(InputError, match=r"is blank\. Say what to look for"):
        as_query(blank)


@pytest.mark.parametrize("wrong", [None, 3, b"query", ["query"], float("nan")])
def test_a_query_that_is_no_string_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match=r"and not a string\. Give the query's text"):
        as_query(wrong)
