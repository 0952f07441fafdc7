from __future__ import annotations

import gzip
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.text.lexical import TERMS_VERSION, VARIANTS, Bag, Statistics, bm25, find_variant, terms

ROOT = Path(__file__).parent.parent.parent
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates and unassigned characters too
WORD_LISTS = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=12), max_size=8)
CORPUS = [
    "the flow past a wing in a slipstream",
    "wing wing flow",
    "heat transfer in a laminar boundary layer",
    "",
    "a a a slipstream of words that goes on and on past the end of the wing",
]


# terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Flow past a Wing.", ["flow", "past", "a", "wing"]),
        ("parseHTTPReply", ["parsehttpreply", "parse", "http", "reply"]),
        ("max_tokens MAX_TOKENS", ["max_tokens", "max", "tokens", "max_tokens", "max", "tokens"]),
        ("__init__", ["__init__", "init"]),
        ("utf8Decoder", ["utf8decoder", "utf", "8", "decoder"]),
        ("HTTPServer", ["httpserver", "http", "server"]),
        ("os.path.join(a, b)", ["os", "path", "join", "a", "b"]),
        ("v3.14 in 1,000 at 12:30", ["v3", "14", "in", "1,000", "at", "12:30"]),
        ("3.14 and 2.", ["3.14", "and", "2"]),
        ("don't", ["don", "t"]),
        ("", []),
        ("... !?", []),
    ],
)
def test_words_numbers_and_identifiers(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("東京都", ["東京", "京都"]),
        ("東", ["東"]),
        ("東京、大阪", ["東京", "大阪"]),
        ("カタカナ語", ["カタ", "タカ", "カナ", "ナ語"]),
        ("ｶﾀｶﾅ", ["カタ", "タカ", "カナ"]),  # half width
        ("Python入門3章", ["python", "入門", "3", "章"]),
        ("ไทย", ["ไท", "ทย"]),
        ("ลาว", None),
        ("ខ្មែរ", None),
        ("မြန်မာ", None),
        ("한국어 문서", ["한국어", "문서"]),  # Korean writes spaces
    ],
)
def test_scripts_without_spaces_give_bigrams(text: str, expected: list[str] | None) -> None:
    found = terms(text)
    if expected is None:
        expected = [text[i : i + 2] for i in range(len(text) - 1)]
    assert found == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("ﬁne", "fine"),  # a ligature
        ("Ｗｉｎｇ", "wing"),  # full width
        ("e\u0301te\u0301", "\u00e9t\u00e9"),  # composed and decomposed
        ("ΩΣ", "ωσ"),
    ],
)
def test_forms_of_the_same_word_are_the_same_term(one: str, other: str) -> None:
    assert terms(one) == terms(other)


@pytest.mark.parametrize("word", ["हिन्दी", "العَرَبِيَّة", "עִבְרִית", "తెలుగు", "தமிழ்"])
def test_marks_stay_inside_their_word(word: str) -> None:
    assert len(terms(word)) == 1


@given(ANY_TEXT)
def test_no_text_fails_and_no_term_is_blank(text: str) -> None:
    found = terms(text)
    assert all(term.strip() and not any(c.isspace() for c in term) for term in found)
    assert terms(text) == found


@given(ANY_TEXT, ANY_TEXT)
def test_lines_do_not_touch_each_other(one: str, other: str) -> None:
    assert terms(f"{one}\n{other}") == terms(one) + terms(other)


@given(st.text("aB1_. é東"))
def test_ascii_takes_no_other_path_than_the_rest(text: str) -> None:
    """A non-ASCII word at the end sends the whole text down the other branch."""
    assert terms(f"{text} é") == [*terms(text), "é"]


@pytest.mark.parametrize("unit", ["a", "A", "aB", "1", "1.", "_", "1.1 ", "東", "ไ", "wing ", "é"])
def test_two_megabytes_of_anything_are_cut_in_seconds(unit: str) -> None:
    text = unit * (2_000_000 // len(unit))
    began = time.perf_counter()
    assert terms(text)
    assert time.perf_counter() - began < 10


# Statistics


def test_statistics_count_documents_not_occurrences() -> None:
    found = Statistics.over(terms(text) for text in CORPUS)
    assert found.size == 5
    assert found.mean_length == pytest.approx((8 + 3 + 7 + 0 + 17) / 5)
    assert found.frequencies["wing"] == 3
    assert found.frequencies["a"] == 3
    assert "zebra" not in found.frequencies


def test_statistics_of_nothing() -> None:
    empty = Statistics.over([])
    assert (empty.size, empty.mean_length, empty.frequencies) == (0, 0.0, {})
    assert bm25(["a"], ["a", "b"], empty) >= 0


def test_idf_is_lucenes() -> None:
    statistics = Statistics(10, 5.0, {"rare": 1, "usual": 10})
    assert statistics.idf("rare") == pytest.approx(math.log(1 + 9.5 / 1.5))
    assert statistics.idf("usual") == pytest.approx(math.log(1 + 0.5 / 10.5))
    assert statistics.idf("absent") == pytest.approx(math.log(1 + 10.5 / 0.5))


@pytest.mark.parametrize(("size", "mean_length"), [(-1, 1.0), (1, -1.0), (1, math.nan), (1, math.inf)])
def test_statistics_that_cannot_be_are_refused(size: int, mean_length: float) -> None:
    with pytest.raises(InputError, match="cannot be"):
        Statistics(size, mean_length, {})


@given(WORD_LISTS)
def test_bags_of_the_query_terms_know_all_that_its_score_needs(documents: list[list[str]]) -> None:
    query = ["a", "b", "a", "z"]
    whole = Statistics.over(documents)
    bags = [Bag.of(document, frozenset(query)) for document in documents]
    some = Statistics.over(bags)
    assert (some.size, some.mean_length) == (whole.size, whole.mean_length)
    for bag, document in zip(bags, documents, strict=True):
        assert set(bag.counts) <= set(query)
        assert bm25(query, bag, some) == bm25(query, document, whole)


@pytest.mark.parametrize("name", ["table.json", "table.json.gz"])
def test_a_table_is_read_back_as_it_was_and_written_the_same_twice(tmp_path: Path, name: str) -> None:
    statistics = Statistics.over(terms(text) for text in [*CORPUS, "東京都 naïve 3.14"])
    statistics.save(tmp_path / name)
    again = Statistics.from_file(tmp_path / name)
    assert again == statistics
    assert again.version == statistics.version
    reordered = Statistics(again.size, again.mean_length, dict(reversed(list(again.frequencies.items()))))
    reordered.save(tmp_path / f"2{name}")
    assert (tmp_path / f"2{name}").read_bytes() == (tmp_path / name).read_bytes()


def test_the_version_changes_with_any_number() -> None:
    tables = [
        Statistics(10, 5.0, {"a": 1}),
        Statistics(11, 5.0, {"a": 1}),
        Statistics(10, 5.5, {"a": 1}),
        Statistics(10, 5.0, {"a": 2}),
        Statistics(10, 5.0, {"b": 1}),
    ]
    assert len({table.version for table in tables}) == len(tables)


def table(**changes: object) -> str:
    good = {"terms_version": TERMS_VERSION, "size": 4, "mean_length": 3.5, "frequencies": {"a": 2}}
    return json.dumps({**good, **changes})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not a table"),
        ("", "not a table"),
        ("[]", "not a table"),
        ("\x80", "not a table"),
        (table(size="four"), "not a table"),
        (table(size=-4), "not a table"),
        (table(mean_length=None), "not a table"),
        (table(frequencies=["a"]), "not a table"),
        (table(frequencies={"a": "two"}), "not a table"),
        (table(frequencies={"a": 5}), "4 documents, and frequencies such as 'a': 5"),
        (table(frequencies={"a": 1, "b": -1}), "4 documents, and frequencies such as 'b': -1"),
        (table(terms_version=0), f"terms of version 0, not {TERMS_VERSION}"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_name(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "table.json"
    if content is not None:
        path.write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=rf"table\.json.*{message}.*Make it with"):
        Statistics.from_file(path)


def test_a_broken_gzip_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.json.gz"
    for content in (b"{}", gzip.compress(table().encode())[:-9]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"table\.json\.gz is not a table"):
            Statistics.from_file(path)


# bm25


def test_a_value_worked_out_by_hand() -> None:
    statistics = Statistics(3, 4.0, {"wing": 1})
    idf = math.log(1 + 2.5 / 1.5)
    assert bm25(["wing"], ["wing", "wing", "a", "b", "c", "d"], statistics) == pytest.approx(
        idf * 2 / (2 + 1.5 * (1 - 0.75 + 0.75 * 6 / 4))
    )


@given(WORD_LISTS, st.lists(st.sampled_from("abcdefghz"), max_size=5))
def test_never_negative_and_zero_only_without_a_shared_term(documents: list[list[str]], query: list[str]) -> None:
    statistics = Statistics.over(documents)
    for document in documents:
        score = bm25(query, document, statistics)
        assert score >= 0
        assert (score == 0) == (not set(query) & set(document))


Peer = Callable[..., list[float]]
"""bm25s' values: of documents, query, variant, k1, b and delta."""


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("k1", "b", "delta"), [(1.5, 0.75, 0.5), (0.9, 0.4, 1.0), (1.2, 0.0, 0.0), (2.0, 1.0, 0.3)])
@given(
    documents=st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30), min_size=1, max_size=8),
    query=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=5),
)
def test_the_values_are_those_of_bm25s(
    peer: Peer, variant: str, k1: float, b: float, delta: float, documents: list[list[str]], query: list[str]
) -> None:
    statistics = Statistics.over(documents)
    found = [bm25(query, document, statistics, k1, b, variant=variant, delta=delta) for document in documents]
    np.testing.assert_allclose(found, peer(documents, query, variant, k1, b, delta), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_values_on_text_are_those_of_bm25s(peer: Peer, variant: str) -> None:
    documents = [terms(text) for text in CORPUS]
    query = terms("a wing in the slipstream, the wing, a zebra")
    found = [bm25(query, document, Statistics.over(documents), variant=variant) for document in documents]
    np.testing.assert_allclose(found, peer(documents, query, variant, 1.5, 0.75, 0.5), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_values_over_a_corpus_are_those_of_bm25s(peer: Peer, variant: str, amendments: list[list[str]]) -> None:
    statistics = Statistics.over(amendments)
    for query in ("the right of the people", "trial by jury", "senators chosen by the legislature", "zebra"):
        asked = terms(query)
        found = [bm25(asked, document, statistics, variant=variant) for document in amendments]
        np.testing.assert_allclose(found, peer(amendments, asked, variant, 1.5, 0.75, 0.5), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@given(WORD_LISTS, st.lists(st.sampled_from("abcdefghz"), max_size=5))
def test_no_form_is_ever_negative_or_infinite(variant: str, documents: list[list[str]], query: list[str]) -> None:
    for statistics in (Statistics.over(documents), Statistics.over(documents[:2]), Statistics.over([])):
        scores = [bm25(query, document, statistics, variant=variant) for document in documents]
        assert all(0 <= score < math.inf for score in scores)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_term_that_the_table_does_not_know_helps_the_document_that_has_it(variant: str) -> None:
    statistics = Statistics.over(terms(text) for text in CORPUS)
    with_it, without = ["zebra", "wing", "flow"], ["wing", "flow", "flow"]
    scores = [bm25(["zebra", "wing"], each, statistics, variant=variant) for each in (with_it, without)]
    assert scores[0] > scores[1]


def test_a_form_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"'bm25-okapi'.*bm25, bm25-robertson, bm25-atire, bm25l, bm25\+"):
        find_variant("bm25-okapi")


@pytest.fixture(scope="module")
def amendments() -> list[list[str]]:
    """A real corpus: the terms of the amendments to a constitution."""
    rows = (ROOT / "examples" / "amendments.jsonl").read_text(encoding="utf-8").splitlines()
    return [terms(json.loads(row)["text"]) for row in rows]


@pytest.fixture(scope="module")
def peer() -> Peer:
    bm25s = pytest.importorskip("bm25s", reason="needs bm25s (extra eval)")

    def scores(
        documents: list[list[str]], query: list[str], variant: str, k1: float, b: float, delta: float
    ) -> list[float]:
        vocabulary: dict[str, int] = {}
        ids = [[vocabulary.setdefault(term, len(vocabulary)) for term in document] for document in documents]
        index = bm25s.BM25(method=VARIANTS[variant].method, k1=k1, b=b, delta=delta)
        index.index((ids, vocabulary), show_progress=False)
        known = [vocabulary[term] for term in query if term in vocabulary]
        return [float(s) for s in index.get_scores(known)] if known else [0.0] * len(documents)

    return scores
