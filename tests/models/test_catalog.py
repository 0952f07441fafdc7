from __future__ import annotations

import dataclasses
import re

import pytest

from secondpass.errors import UnknownModel
from secondpass.models.catalog import Row, built_in, find, read_rows, rows, suggestion

BUILT_IN = ("bm25", "embedded")
FAMILIES = {"embedded", "lexical", "pair"}
LICENCES = {"Apache-2.0", "MIT", "unstated"}


def test_built_in_models_come_first_and_all_are_sorted() -> None:
    names = [row.name for row in rows()]
    assert tuple(names[: len(BUILT_IN)]) == BUILT_IN
    assert names[len(BUILT_IN) :] == sorted(names[len(BUILT_IN) :])


def test_built_in_names_are_those_that_are_no_hub_ids() -> None:
    assert built_in() == {"bm25", "embedded", "embedded@1"}


def test_no_name_or_alias_is_listed_twice() -> None:
    names = [name for row in rows() for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_every_field_of_every_row_is_one_that_is_known(row: Row) -> None:
    assert row.family in FAMILIES
    assert row.licence in LICENCES
    assert row.instructions in ("slot", "joined", "ignored")
    assert (row.parameters > 0) == (row.family != "lexical")
    assert row.context is None or row.context >= 64
    assert all(language == "multilingual" or re.fullmatch("[a-z]{2}", language) for language in row.languages)
    assert list(row.languages) == sorted(row.languages)
    assert set(row.unconfirmed) <= {field.name for field in dataclasses.fields(Row)}
    assert row.name in BUILT_IN or row.name.count("/") == 1
    for score in row.scores:
        assert 0 < score.value < 100
        assert score.metric in ("nDCG@10", "MRR@10", "MAP")
        assert score.source
    benchmarks = [(score.benchmark, score.source) for score in row.scores]
    assert benchmarks == sorted(set(benchmarks))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("embedded", "embedded"),
        ("embedded@1", "embedded"),
        ("cross-encoder/ms-marco-MiniLM-L-6-v2", "cross-encoder/ms-marco-MiniLM-L6-v2"),
        ("BAAI/bge-reranker-v2-m3", "BAAI/bge-reranker-v2-m3"),
    ],
)
def test_a_row_is_found_by_name_or_alias(name: str, found: str) -> None:
    assert find(name).name == found


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("bge-reranker-v2-m3", "BAAI/bge-reranker-v2-m3"),
        ("baai/bge-reranker-v2m3", "BAAI/bge-reranker-v2-m3"),
        ("cross-encoder/ms-marco-MiniLM-L6", "cross-encoder/ms-marco-MiniLM-L6-v2"),
        ("embeded", "embedded"),
        ("BM-25", "bm25"),
        ("qqqqqqqq", ""),
    ],
)
def test_the_nearest_name_is_suggested(name: str, near: str) -> None:
    assert suggestion(name) == near


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownModel, match=r"'embeded'.*Did you mean 'embedded'\?"):
        find("embeded")
    with pytest.raises(UnknownModel, match="`secondpass models` lists"):
        find("qqqqqqqq")


def test_rows_are_chosen_by_family_and_licence() -> None:
    pairs = rows(family="pair")
    assert {row.family for row in pairs} == {"pair"}
    mit = rows(family="pair", licence="MIT")
    assert {row.name for row in mit} == {"BAAI/bge-reranker-base", "BAAI/bge-reranker-large"}
    assert rows(family="none") == ()


def test_rows_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        find("bm25").parameters = 1  # type: ignore[misc]


def test_a_field_that_no_row_has_is_named() -> None:
    row = {"name": "x", "family": "pair", "licnce": "MIT"}
    with pytest.raises(ValueError, match=r"x: unknown fields \['licnce'\]"):
        read_rows({"model": [row]})
