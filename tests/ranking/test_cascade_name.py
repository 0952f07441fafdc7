from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass import InputError
from secondpass.ranking.cascade_name import CascadeName, is_cascade

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).filter(
    lambda name: name == name.strip()
)


@pytest.mark.parametrize(
    ("text", "stages", "keep"),
    [
        ("cascade(embedded)", ("embedded",), ()),
        ("cascade(bm25=200, embedded=30, org/name)", ("bm25", "embedded", "org/name"), (200, 30)),
        (" cascade ( bm25 = 5 , tei:http://localhost:8080 ) ", ("bm25", "tei:http://localhost:8080"), (5,)),
        ("cascade(hybrid(bm25=1, a/b=2)=9, embedded)", ("hybrid(bm25=1, a/b=2)", "embedded"), (9,)),
        ('cascade("./a, b=c"=9, embedded)', ("./a, b=c", "embedded"), (9,)),
    ],
)
def test_names_are_read(text: str, stages: tuple[str, ...], keep: tuple[int, ...]) -> None:
    assert is_cascade(text)
    assert CascadeName.parse(text) == CascadeName(stages, keep)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("cascade(bm25, embedded)", "'bm25' does not say"),
        ("cascade(bm25=2.5, embedded)", "'bm25' does not say"),
        ("cascade(bm25=9, embedded=3)", "'embedded' is the last stage"),
        ("cascade()", "character"),
        ("cascade(bm25=9, embedded", "character"),
        ("cascades(bm25)", "does not begin with"),
    ],
)
def test_a_mistake_is_answered_with_what_is_wrong(text: str, named: str) -> None:
    with pytest.raises(InputError, match=r"cascade\(bm25=200|hybrid\(bm25") as error:
        CascadeName.parse(text)
    assert named in str(error.value)


@pytest.mark.parametrize("name", ["embedded", "hybrid(bm25, embedded)", "cascade", "my-cascade(a)"])
def test_other_names_are_no_cascades(name: str) -> None:
    assert not is_cascade(name)


@given(st.lists(st.tuples(NAMES, st.integers(1, 10**6)), max_size=4), NAMES)
def test_a_name_is_read_as_it_was_written(early: list[tuple[str, int]], last: str) -> None:
    name = CascadeName((*(stage for stage, _ in early), last), tuple(keep for _, keep in early))
    assert CascadeName.parse(str(name)) == name
