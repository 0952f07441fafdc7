from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.models.listwise.permutation import (
    Identifiers,
    by_logprobs,
    identifier,
    order,
    permutation,
)

IDENTIFIERS: st.SearchStrategy[Identifiers] = st.sampled_from(("numbers", "letters"))
ANY_TEXT = st.text(st.characters(exclude_categories=()))
NEARLY = st.text("0123456789ABCabc[](){}<>,;:.'\"/ \n→①²２【】think", max_size=80)


def names(found: tuple[int, ...]) -> list[int]:
    """Positions as the numbers that a prompt calls them by."""
    return [position + 1 for position in found]


@given(ANY_TEXT | NEARLY, st.integers(0, 26), IDENTIFIERS)
def test_any_answer_gives_a_permutation(text: str, size: int, identifiers: Identifiers) -> None:
    found = permutation(text, size, identifiers)
    assert sorted(found.positions) == list(range(size))
    assert list(found.positions[found.named :]) == sorted(found.positions[found.named :])


@given(st.lists(st.dictionaries(NEARLY, st.floats(allow_nan=False)), max_size=4), st.integers(0, 26), IDENTIFIERS)
def test_any_logprobs_give_a_permutation(tokens: list[dict[str, float]], size: int, identifiers: Identifiers) -> None:
    found = by_logprobs(tokens, size, identifiers)
    assert sorted(found.positions) == list(range(size))


@given(
    st.permutations(range(12)), IDENTIFIERS, st.sampled_from(("[{}] > ", "[{}]\n", "{}>", "{}, ", "{}\n", "【{}】→"))
)
def test_a_whole_order_is_read_as_it_was_written(given_: list[int], identifiers: Identifiers, shape: str) -> None:
    text = "".join(shape.format(identifier(position, identifiers)) for position in given_)
    assert permutation(text, 12, identifiers).positions == tuple(given_)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[2] > [1] > [3]", [2, 1, 3]),
        ("2>1", [2, 1, 3]),
        ("3", [3, 1, 2]),
        ("[2, 1, 3]", [2, 1, 3]),
        ('{"ranking": [3, 1]}', [3, 1, 2]),
        ('["3", "2"]', [3, 2, 1]),
        ("[\n  3,\n  2\n]", [3, 2, 1]),
        ('[{"id": 3, "score": 0.9}, {"id": 1, "score": 0.2}]', [3, 1, 2]),
        ("Passage 3 is best, then passage 1.", [3, 1, 2]),
        ("1. Passage 3\n2. Passage 1\n3. Passage 2", [3, 1, 2]),
        ("1. [3]\n2. [2]\n3. [1]", [3, 2, 1]),
        ("The 3 passages, in order: [2] > [1] > [3]", [2, 1, 3]),
        ("[1] is about cats. [2] is about dogs.\n[3] > [1] > [2]", [3, 1, 2]),
        ("[1], [2] and [3] were given: [2] > [3] > [1]", [2, 3, 1]),
        ("<think>[1] > [2]? No: 1 is worse.</think>[3] > [2]", [3, 2, 1]),
        ("[1] looks best</think>\n[3] > [2]", [3, 2, 1]),
        ("<think>[3] > [2] > [1] and so on", [1, 2, 3]),
        ("[2] > [2] > [1] > [2]", [2, 1, 3]),
        ("[9] > [3] > [0] > [-1]", [3, 1, 2]),
        ("[11] > [2]", [2, 1, 3]),
        ("[" + "1" * 6000 + "] > [2]", [2, 1, 3]),
        ("[02] > [03]", [2, 3, 1]),
        ("[２] > [③] > [¹]", [2, 3, 1]),
        ("①③②", [1, 3, 2]),
        ("[٣] > [٢]", [3, 2, 1]),
        ("I cannot rank these.", [1, 2, 3]),
        ("", [1, 2, 3]),
    ],
)
def test_what_models_answer(text: str, expected: list[int]) -> None:
    assert names(permutation(text, 3).positions) == expected


def test_eleven_is_not_one_and_one() -> None:
    assert names(permutation("[11] > [1]", 12).positions)[:3] == [11, 1, 2]


@pytest.mark.parametrize(("text", "named"), [("[2] > [1]", 2), ("[2] > [2]", 1), ("none of them", 0), ("[7]", 0)])
def test_it_says_how_many_were_named(text: str, named: int) -> None:
    assert permutation(text, 3).named == named


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[B] > [A] > [C]", "BAC"),
        ("B>A", "BAC"),
        ("[c, b]", "CBA"),
        ("I think that's [B], as Apple is not in C.", "BAC"),
        ("<think>A</think>C", "CAB"),
        ("Z > Y", "ABC"),
    ],
)
def test_letters(text: str, expected: str) -> None:
    assert (
        "".join(identifier(position, "letters") for position in permutation(text, 3, "letters").positions) == expected
    )


def test_the_first_identifier_that_is_generated_gives_the_order() -> None:
    answer = [
        {"[": -0.01, "A": -6.0},
        {"C": -0.2, " B": -1.0, "[A": -3.0, "B": -2.0, "the": -4.0},
        {"A": -0.1, "B": -0.2},
    ]
    found = by_logprobs(answer, 4)
    assert (found.positions, found.named) == ((2, 1, 0, 3), 3)


def test_an_identifier_that_is_not_the_likeliest_token_still_counts() -> None:
    assert by_logprobs([{"The": -0.1, "B": -2.0, "A": -3.0}], 3).positions == (1, 0, 2)


def test_numbers_are_read_from_logprobs_too() -> None:
    assert by_logprobs([{"▁2": -0.1, "10": -0.5, "11": -0.7}], 10, "numbers").positions[:3] == (1, 9, 0)


@pytest.mark.parametrize("answer", [[], [{}], [{"the": -0.1, "AB": -0.2, "b": -0.3, "Z": -0.5}]])
def test_logprobs_without_an_identifier_name_nothing(answer: list[dict[str, float]]) -> None:
    assert by_logprobs(answer, 3) == order([], 3)


@pytest.mark.parametrize("unit", ["[", "[1,", "\n", " ", "<think>", "1.\n", "[1] ", "9", "a", "【", "[1 "])
def test_a_long_answer_is_read_in_no_time(unit: str) -> None:
    began = time.perf_counter()
    permutation(unit * (200_000 // len(unit)), 20)
    assert time.perf_counter() - began < 5
