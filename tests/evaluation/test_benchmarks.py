"""The table of named benchmarks: complete, consistent, and found by name."""

from __future__ import annotations

import re

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.benchmarks import Benchmark, Named, find, is_named, rows

ROWS = rows()
BY_NAME = {row.name: row for row in ROWS}


def test_names_differ_and_members_are_listed() -> None:
    assert len(BY_NAME) == len(ROWS)
    assert not [member for row in ROWS for member in row.members if member not in BY_NAME]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_is_a_suite_or_says_where_its_data_is(row: Benchmark) -> None:
    assert row.members or row.hub or row.ir_datasets or (row.access != "open" and row.note)
    assert not (row.members and row.subsets)
    assert not row.hub or re.fullmatch(r"[\w.-]+/[\w.-]+", row.hub)
    assert not row.revision or re.fullmatch(r"[0-9a-f]{40}", row.revision)
    assert len(set(row.subsets)) == len(row.subsets)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_protocol_says_whose_it_is_and_marks_what_is_not_known(row: Benchmark) -> None:
    for protocol in row.protocols:
        assert protocol.by
        assert protocol.metric
        assert protocol.first_stage
        assert isinstance(protocol.depth, int) or protocol.depth in ("all", "unstated")
        assert protocol.evidence in ("source code", "published page", "general knowledge", "unstated")


def test_identical_ids_are_removed_where_mteb_removes_them() -> None:
    assert {row.name for row in ROWS if row.identical_ids} == {
        "beir/arguana",
        "beir/fever",
        "beir/fiqa",
        "beir/msmarco",
        "beir/quora",
        "mteb/fever-hard-negatives",
    }


@pytest.mark.parametrize(
    ("suite", "count"), [("beir", 15), ("beir-qa", 6), ("mteb-eng-v2", 10), ("mteb-eng-v2-qa", 4), ("nanobeir", 13)]
)
def test_suites_have_as_many_members_as_their_authors_say(suite: str, count: int) -> None:
    assert len(BY_NAME[suite].members) == count


@pytest.mark.parametrize(
    ("name", "count"), [("miracl-hard-negatives", 18), ("mkqa", 26), ("toolret", 35), ("lotte", 10), ("infosearch", 6)]
)
def test_sets_have_as_many_subsets_as_their_authors_say(name: str, count: int) -> None:
    assert len(BY_NAME[name].subsets) == count


def test_the_cross_encoder_evaluator_leaves_two_sets_out() -> None:
    left_out = set(BY_NAME["nanobeir"].members) - set(BY_NAME["nanobeir-cross-encoder"].members)
    assert left_out == {"nanobeir/arguana", "nanobeir/touche2020"}


def test_a_member_has_the_protocols_of_its_suites() -> None:
    told = {(protocol.suite, protocol.by) for protocol in BY_NAME["beir/nfcorpus"].protocols}
    assert ("beir", "mixedbread, rerank-v2") in told
    assert {suite for suite, _ in told} == {"beir"}


def test_a_subset_is_found_with_its_row() -> None:
    assert find("lotte/writing_search") == Named(BY_NAME["lotte"], "writing_search")
    assert find("lotte/writing_search").name == "lotte/writing_search"
    assert is_named("lotte/writing_search")
    assert not is_named("nothing")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("beir/nfcorpsu", "Did you mean 'beir/nfcorpus'"),
        ("nfcorpus", "Did you mean 'beir/nfcorpus'"),
        ("lotte/cooking", "lotte has no subset 'cooking': choose one of writing_search"),
        ("zzz", "There is no benchmark 'zzz'. `secondpass datasets` lists them"),
    ],
)
def test_an_unknown_name_is_refused_with_what_it_may_have_meant(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        find(name)
