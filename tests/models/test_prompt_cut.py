from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.models.prompt_cut import reference_cut
from secondpass.models.prompt_recipe import PromptRecipe, Reference

RECIPE = PromptRecipe("own", ("begin", "{query}", "and", "{document}", "end"))
BEGIN, QUERY, AND, END = [1, 2], list(range(10, 20)), [3], [4, 5, 6]
DOCUMENT = list(range(100, 140))


def cut(
    how: Reference, longest: int, positions: int | None = None, query: list[int] = QUERY
) -> tuple[list[int], list[int], list[int]]:
    return reference_cut(
        replace(RECIPE, reference=how), (BEGIN, query, AND, DOCUMENT, END), longest=longest, positions=positions
    )


def test_the_whole_is_cut_at_its_end() -> None:
    assert cut("whole", 20) == ([*BEGIN, *QUERY, *AND], DOCUMENT[:7], [])
    assert cut("whole", 5) == ([*BEGIN, *QUERY[:3]], [], [])


def test_the_whole_is_cut_and_its_end_restored() -> None:
    recipe = replace(RECIPE, reference="restored")
    segments = (BEGIN, QUERY, AND, DOCUMENT, END)
    parts = reference_cut(recipe, segments, 20, None, END)
    assert [*parts[0], *parts[1], *parts[2]] == [*BEGIN, *QUERY, *AND, *DOCUMENT[:4], *END]
    whole = reference_cut(recipe, segments, 100, None, END)
    assert [*whole[0], *whole[1], *whole[2]] == [*BEGIN, *QUERY, *AND, *DOCUMENT, *END]


def test_the_body_is_cut_so_that_the_rest_fits() -> None:
    assert cut("body", 20) == ([*BEGIN, *QUERY, *AND], DOCUMENT[:4], END)


def test_a_body_without_room_is_refused() -> None:
    with pytest.raises(InputError, match="more than the 16 tokens"):
        cut("body", 16)


def test_flag_embedding_cuts_the_passage_into_the_limit_and_the_length_of_the_prompt() -> None:
    assert cut("query-then-passage", 20) == ([*BEGIN, *QUERY, *AND], DOCUMENT[: 20 + 3 - 2 - 10 - 1], END)
    assert cut("query-then-passage", 8) == ([*BEGIN, *QUERY[:6], *AND], DOCUMENT[: 8 + 3 - 2 - 6 - 1], END)


def test_mxbai_cuts_the_document_into_the_limit_beside_the_query_alone() -> None:
    assert cut("query-then-document", 20) == ([*BEGIN, *QUERY, *AND], DOCUMENT[: 20 - 10 - 1], END)
    assert cut("query-then-document", 8) == ([*BEGIN, *QUERY[:6], *AND], DOCUMENT[: 8 - 6 - 1], END)


def test_mxbai_leaves_positions_for_the_prompt() -> None:
    before, own, behind = cut("query-then-document", 1000, positions=25)
    assert (before, own, behind) == ([*BEGIN, *QUERY, *AND], DOCUMENT[: 20 - 10 - 1], END)
    with pytest.raises(InputError, match="more than the 5 tokens"):
        cut("query-then-document", 1000, positions=5)


@given(
    how=st.sampled_from(["whole", "body", "query-then-passage", "query-then-document"]),
    query=st.lists(st.integers(), max_size=30),
)
def test_what_fits_is_not_cut(how: Reference, query: list[int]) -> None:
    before, own, behind = cut(how, 200, 400, query)
    assert (before, own, behind) == ([*BEGIN, *query, *AND], DOCUMENT, END)
