"""Which models are measured on somebody's data, and what is said of the others."""

from __future__ import annotations

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.shortlist import ABSENT, BUILT_IN, Shortlist, Wish, download_bytes, remember_mb, shortlist
from secondpass.models.catalog import find

SMALL = "cross-encoder/ms-marco-MiniLM-L6-v2"
NON_COMMERCIAL = "jinaai/jina-reranker-v2-base-multilingual"
GERMAN = "BAAI/bge-reranker-v2-m3"


def listed(wish: Wish, *named: str, here: frozenset[str] = frozenset()) -> Shortlist:
    return shortlist(wish, named, is_here=here.__contains__)


def reasons(found: Shortlist) -> dict[str, str]:
    return {each.model: each.why for each in found.left_out}


def test_without_wishes_what_is_in_the_package_is_measured() -> None:
    found = listed(Wish())
    assert found.models == BUILT_IN
    assert reasons(found)[SMALL] == ABSENT


def test_what_is_in_the_cache_is_measured_and_so_is_what_may_be_fetched() -> None:
    assert listed(Wish(), here=frozenset({SMALL})).models == (*BUILT_IN, SMALL)
    assert {SMALL, GERMAN} < set(listed(Wish(download=True)).models)


def test_the_catalogue_says_who_reads_german() -> None:
    found = listed(Wish(languages=("de", "en"), download=True))
    assert "bm25" in found.models
    assert GERMAN in found.models
    assert not {"embedded", "hybrid(bm25, embedded)", "embedded-cosine", SMALL} & set(found.models)
    assert reasons(found)["embedded"] == "its languages are en"


def test_for_commercial_use_only_licences_that_allow_it_to_everyone_are_taken() -> None:
    found = listed(Wish(licence="commercial", download=True, billions=20))
    licences = {find(name).licence for name in found.models if "/" in name}
    assert licences == {"Apache-2.0", "MIT"}
    assert "forbids commercial use" in reasons(found)[NON_COMMERCIAL]
    assert "name it with --models" in reasons(found)["juanluisdb/MiniLM-L-6-rerank-m3"]


def test_one_licence_may_be_asked_for_by_name() -> None:
    found = listed(Wish(licence="mit", download=True, billions=20))
    assert {find(name).licence for name in found.models} == {"MIT"}


@pytest.mark.parametrize(
    ("wish", "name", "why"),
    [
        (Wish(download=True, billions=0.02), SMALL, "more than 0.02 billion parameters"),
        (Wish(download=True, memory=2**20), SMALL, "do not fit the memory"),
        (Wish(download=True), "castorini/duot5-base-msmarco", "size is not known"),
        (Wish(download=True), "ByteDance/ListConRanker", "cannot load"),
    ],
)
def test_what_does_not_fit_is_left_out_with_the_reason(wish: Wish, name: str, why: str) -> None:
    assert why in reasons(listed(wish))[name]


def test_what_is_named_is_measured_first_whatever_the_catalogue_says_of_its_languages_and_size() -> None:
    found = listed(Wish(languages=("de",), billions=0.001), "./mine", "embedded", "hybrid(bm25, embedded)")
    assert found.models[:3] == ("./mine", "embedded", "hybrid(bm25, embedded)")
    assert not {"./mine", "embedded"} & set(reasons(found))


def test_a_named_model_that_may_not_be_used_is_refused() -> None:
    with pytest.raises(InputError, match="forbids commercial use"):
        listed(Wish(licence="commercial"), f"hybrid(bm25, {NON_COMMERCIAL})")


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"languages": ("German",)}, "ISO 639-1"),
        ({"licence": "free"}, "commercial, any, or one of"),
        ({"billions": 0.0}, "more than 0"),
    ],
)
def test_a_wish_that_means_nothing_is_refused(wish: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Wish(**wish)  # type: ignore[arg-type]


def test_where_nothing_fits_the_wishes_are_named() -> None:
    with pytest.raises(InputError, match="--languages xx --licence MIT"):
        listed(Wish(languages=("xx",), licence="MIT"))


def test_a_download_takes_two_bytes_a_parameter() -> None:
    assert download_bytes(SMALL) == 2 * 22_713_601
    assert download_bytes("castorini/duot5-base-msmarco") is None


@pytest.mark.parametrize("name", [*BUILT_IN, "./mine", SMALL, "colbert-ir/colbertv2.0"])
def test_only_what_reads_documents_apart_is_told_to_forget_them(name: str) -> None:
    forgets = name in ("embedded-cosine", "embedded-maxsim", "./mine", "colbert-ir/colbertv2.0")
    assert remember_mb(name) == (0 if forgets else None)
