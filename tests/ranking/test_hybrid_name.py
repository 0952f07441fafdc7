"""The notation of hybrids, both ways."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.ranking.fusion import How
from secondpass.ranking.hybrid_name import HybridName, is_hybrid, split_names

NAMES = st.text('ab1,=()":. /\\_+', min_size=1, max_size=12).filter(str.strip)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("hybrid(bm25, embedded)", HybridName(("bm25", "embedded"))),
        (" hybrid (  bm25,embedded ) ", HybridName(("bm25", "embedded"))),
        ("hybrid(bm25=0.3, embedded = .7)", HybridName(("bm25", "embedded"), (0.3, 0.7))),
        ("hybrid(bm25=0.3, embedded)", HybridName(("bm25", "embedded"), (0.3, 1.0))),
        ("hybrid(bm25=1e-2)", HybridName(("bm25",), (0.01,))),
        ("hybrid(rrf: bm25)", HybridName(("bm25",))),
        ("hybrid(rrf k=10: bm25)", HybridName(("bm25",), k=10)),
        ("hybrid(z-score:bm25+, bm25l)", HybridName(("bm25+", "bm25l"), how="z-score")),
        (
            "hybrid(tei:http://localhost:8080/a=2, rankgpt:gpt-4o-mini)",
            HybridName(("tei:http://localhost:8080/a", "rankgpt:gpt-4o-mini"), (2.0, 1.0)),
        ),
        ("hybrid(./my models/a (copy), /b)", HybridName(("./my models/a (copy)", "/b"))),
        ('hybrid("./a, b=c (1", embedded)', HybridName(("./a, b=c (1", "embedded"))),
        ('hybrid("./a""b""" = 2)', HybridName(('./a"b"',), (2.0,))),
        (
            "hybrid(log-odds: hybrid(min-max: bm25=1, embedded=2)=3, org/name)",
            HybridName(("hybrid(min-max: bm25=1, embedded=2)", "org/name"), (3.0, 1.0), "log-odds"),
        ),
        ('hybrid(hybrid("a,b"), c)', HybridName(('hybrid("a,b")', "c"))),
    ],
)
def test_a_name_says_which_parts_how_and_with_which_weights(text: str, read: HybridName) -> None:
    assert is_hybrid(text)
    assert HybridName.parse(text) == read
    assert HybridName.parse(str(read)) == read


@pytest.mark.parametrize("name", ["bm25", "hybrid", "./hybrid(a)", "org/hybrid", "hybrids(a)"])
def test_other_names_are_no_hybrids(name: str) -> None:
    assert not is_hybrid(name)


@given(
    st.lists(NAMES, min_size=1, max_size=4),
    st.lists(st.floats(0, 1e6), min_size=4, max_size=4) | st.none(),
    st.sampled_from(get_args(How)),
    st.integers(0, 100),
)
@example(["rrf: a"], None, "rrf", 60)
@example(["a: b", 'c"d', "e=1"], None, "rrf", 60)
def test_what_is_written_is_read_as_the_same(names: list[str], weights: list[float] | None, how: How, k: int) -> None:
    stripped = tuple(name.strip() for name in names)
    given_ = None if weights is None else tuple(weights[: len(names)])
    hybrid = HybridName(stripped, given_, how, k if how == "rrf" else 60)
    assert HybridName.parse(str(hybrid)) == hybrid
    nested = HybridName((str(hybrid), "bm25"), (1.0, 2.0))
    assert HybridName.parse(str(nested)) == nested


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("hybrid(bm25, embedded", 22, "closing bracket is missing"),
        ("hybrid(bm25, (embedded)", 24, "closing bracket is missing"),
        ("hybrid(bm25) embedded", 13, "something follows"),
        ("hybrid()", 8, "name is missing"),
        ("hybrid(bm25,, embedded)", 13, "name is missing"),
        ("hybrid(bm25, =2)", 13, "name is missing"),
        ("hybrid(bm25=much)", 13, "'much' is no weight"),
        ("hybrid(bm25=)", 13, "'' is no weight"),
        ('hybrid("a"=x)', 12, "'x' is no weight"),
        ('hybrid(bm25, "a)', 14, "quote is not closed"),
        ("hybrid(mean: bm25)", 8, "'mean' is no way of joining: rrf, log-odds"),
        ("hybrid(min-max k=5: bm25)", 18, "k is for rrf"),
        ("bm25", 1, "does not begin"),
    ],
)
def test_a_mistake_is_shown_with_its_place(text: str, place: int, why: str) -> None:
    with pytest.raises(InputError, match=rf"at character {place} .*{why}.*hybrid\(bm25, embedded\)"):
        HybridName.parse(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("bm25", ["bm25"]),
        ("bm25, ./a=b ,org/name", ["bm25", "./a=b", "org/name"]),
        ("a,hybrid(min-max: bm25=1, embedded=2),b", ["a", "hybrid(min-max: bm25=1, embedded=2)", "b"]),
        ('a,"hybrid(bm25, embedded)"', ["a", "hybrid(bm25, embedded)"]),
        ('"./a, ""b""",tei:http://localhost:8080', ['./a, "b"', "tei:http://localhost:8080"]),
    ],
)
def test_a_list_of_names_is_parted_at_commas_outside_brackets_and_quotes(text: str, names: list[str]) -> None:
    assert split_names(text) == names


@pytest.mark.parametrize("text", ["", "a,,b", "a,", "hybrid(a, b", "a), b", '"a, b'])
def test_a_list_that_cannot_be_parted_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        split_names(text)
