"""How much of a pair is read where the authors' own cut is asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.models.reference import Reference, longest_pair, longest_query
from secondpass.text.encode import Limits

REFERENCE = Limits(truncation="reference")
RULES: tuple[Reference, ...] = ("longest-first", "query-then-passage")


@pytest.mark.parametrize("rule", RULES)
def test_without_the_reference_truncation_no_query_is_cut_and_no_length_assumed(rule: Reference) -> None:
    assert longest_query(rule, Limits(), 8192, 2) is None
    assert longest_pair(rule, Limits(), 8192) == 8192
    assert longest_pair(rule, Limits(), None) is None


def test_flag_embedding_reads_512_tokens_unless_told_otherwise() -> None:
    assert longest_pair("query-then-passage", REFERENCE, 8192) == 512
    assert longest_pair("query-then-passage", REFERENCE, 256) == 256
    assert longest_pair("query-then-passage", Limits(max_tokens=1024, truncation="reference"), 8192) == 1024
    assert longest_pair("longest-first", REFERENCE, 8192) == 8192


def test_flag_embedding_keeps_three_quarters_for_the_query() -> None:
    assert longest_query("query-then-passage", REFERENCE, 512, 2) == 384
    assert longest_query("longest-first", REFERENCE, 512, 2) is None


@pytest.mark.parametrize("rule", RULES)
def test_a_limit_of_the_query_counts_its_special_tokens(rule: Reference) -> None:
    assert longest_query(rule, Limits(truncation="reference", max_query_tokens=512), 1024, 2) == 510


@given(st.sampled_from(RULES), st.integers(8, 10_000), st.integers(8, 10_000))
def test_no_pair_is_longer_than_the_model_or_the_caller_allows(rule: Reference, asked: int, most: int) -> None:
    assert longest_pair(rule, Limits(max_tokens=asked, truncation="reference"), most) == min(asked, most)
