"""Documents in other languages are read twice by models that read English alone; all others are left as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import secondpass

QUERY = "how do I delete a file?"
ENGLISH = ["Select the file and press delete.", "The weather will be cold and dry today.", ""]
GERMAN = "Um die Datei zu löschen, wählen Sie die Schaltfläche."
CHINESE = "选择文件，然后按删除按钮。"


@pytest.fixture(scope="module")
def plain() -> Iterator[secondpass.Reranker]:
    with secondpass.load(glossary=False) as reranker:
        yield reranker


@pytest.fixture(scope="module")
def glossing() -> Iterator[secondpass.Reranker]:
    with secondpass.load() as reranker:
        yield reranker


def logits(ranking: secondpass.Ranking) -> list[float]:
    return [hit.logit for hit in sorted(ranking, key=lambda hit: hit.index)]


def test_a_gain_is_shown_and_is_what_the_logit_gained(
    plain: secondpass.Reranker, glossing: secondpass.Reranker
) -> None:
    before = plain.rank(QUERY, [CHINESE])[0]
    after = glossing.rank(QUERY, [CHINESE])[0]
    assert after.signals["gloss"] > 1.0
    assert after.logit - after.signals["gloss"] == pytest.approx(before.logit)
    assert after.document == CHINESE
    assert after.tokens == before.tokens


def test_english_documents_keep_their_logits_to_the_last_bit(
    plain: secondpass.Reranker, glossing: secondpass.Reranker
) -> None:
    assert logits(glossing.rank(QUERY, ENGLISH)) == logits(plain.rank(QUERY, ENGLISH))
    mixed = [*ENGLISH, GERMAN, CHINESE]
    found = glossing.rank(QUERY, mixed)
    assert logits(found)[:3] == logits(plain.rank(QUERY, mixed))[:3]
    assert all("gloss" not in hit.signals for hit in found if hit.index < 3)


@pytest.mark.parametrize(
    ("query", "document"),
    [("如何删除文件？", CHINESE), ("Wie kann ich die Datei löschen?", GERMAN), ("ما هو؟", CHINESE), (QUERY, "Привет")],
)
def test_documents_in_the_querys_language_are_not_touched(
    query: str, document: str, plain: secondpass.Reranker, glossing: secondpass.Reranker
) -> None:
    assert logits(glossing.rank(query, [document])) == logits(plain.rank(query, [document]))


def test_a_query_in_another_language_is_glossed_too(plain: secondpass.Reranker, glossing: secondpass.Reranker) -> None:
    documents = [ENGLISH[1], GERMAN, ENGLISH[0]]
    ranking = glossing.rank("如何删除文件？", documents)
    assert ranking[-1].index == 0
    assert ranking[0].signals["gloss"] > 0


def test_the_parts_of_a_hybrid_and_a_cascade_gloss_for_themselves() -> None:
    documents = [*ENGLISH[:2], CHINESE]
    with secondpass.load() as alone:
        wanted = logits(alone.rank(QUERY, documents))[2]
    for name in ("hybrid(bm25, embedded)", "cascade(bm25=3, embedded)"):
        with secondpass.load(name) as whole, secondpass.load(name, glossary=False) as without:
            parts = {hit.index: hit.parts for hit in whole.rank(QUERY, documents)}
            bare = {hit.index: hit.parts for hit in without.rank(QUERY, documents)}
        assert parts[2]["embedded"] == pytest.approx(wanted, abs=0.02)
        assert bare[2]["embedded"] < wanted - 1
        assert parts[2]["bm25"] == bare[2]["bm25"]


def test_a_budget_shows_the_gain_as_well(glossing: secondpass.Reranker) -> None:
    assert glossing.rank(QUERY, [CHINESE], budget_ms=60_000)[0].signals["gloss"] > 1.0


def test_rules_still_apply(glossing: secondpass.Reranker) -> None:
    documents = [f"Date: {day}\n\n{CHINESE}" for day in ("2020-01-01", "2026-11-01")]
    ranking = glossing.rank(QUERY, documents, instruction="prefer the newest", now="2026-11-20")
    assert ranking[0].index == 1
    assert ranking.rules


def test_many_queries_are_answered_as_one_is(glossing: secondpass.Reranker) -> None:
    queries, lists = [QUERY, "today's weather"], [[CHINESE, ENGLISH[0]], [ENGLISH[1]]]
    together = glossing.rank_many(queries, lists)
    for query, documents, ranking in zip(queries, lists, together, strict=True):
        assert logits(ranking) == pytest.approx(logits(glossing.rank(query, documents)), abs=0.02)


def test_a_models_own_version_does_not_depend_on_the_glossary(
    plain: secondpass.Reranker, glossing: secondpass.Reranker
) -> None:
    assert plain.declared == glossing.declared
    assert plain.declared.languages == ("en",)


def test_own_terms_are_read(tmp_path: Path, plain: secondpass.Reranker) -> None:
    terms = tmp_path / "terms.tsv"
    terms.write_text("en\tzh\nlubricating grease\t润滑脂\n", encoding="utf-8")
    with secondpass.load(glossary=terms) as reranker:
        assert "gloss" in reranker.rank("lubricating grease", ["润滑脂"])[0].signals
    assert "gloss" not in plain.rank("lubricating grease", ["润滑脂"])[0].signals


@pytest.mark.parametrize("name", ["embedded-cosine", "embedded-maxsim"])
def test_the_encoder_alone_declares_english(name: str) -> None:
    with secondpass.load(name) as reranker:
        assert reranker.declared.languages == ("en",)
