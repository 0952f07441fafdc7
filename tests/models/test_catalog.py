from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from secondpass.errors import UnknownModel
from secondpass.models.catalog import (
    FAMILIES,
    LOADED,
    Published,
    Row,
    built_in,
    find,
    licence_notice,
    read_rows,
    rows,
    suggestion,
    why_not,
)
from secondpass.text.lexical import VARIANTS

BUILT_IN = ("bm25", "bm25+", "bm25-atire", "bm25-robertson", "bm25l", "embedded")
LICENCE = re.compile(r"(Apache|CC-BY-NC|CC-BY-NC-SA|OpenMDW)-\d\.\d|MIT|LicenseRef-[A-Za-z0-9-]+|unstated")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
METRICS = {"MAP", "MRR@10", "Recall@10", "Recall@3", "nDCG@10", "p-MRR", "unstated"}
RECIPES = {
    "bge-gemma",
    "bge-gemma2-lightweight",
    "bge-minicpm-layerwise",
    "ctxl-v2",
    "ctxl-v2-6b",
    "duot5",
    "monot5",
    "mt5",
    "mxbai-v2-base",
    "mxbai-v2-large",
    "nemotron",
    "qwen3-reranker",
    "qwen3-reranker-seq-cls",
    "rankllama",
    "zerank",
}
by_row = pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)


def doubted(row: Row) -> set[str]:
    return {entry.partition(":")[0] for entry in row.unconfirmed}


def test_built_in_models_come_first_and_all_are_sorted() -> None:
    names = [row.name for row in rows()]
    assert tuple(names[: len(BUILT_IN)]) == BUILT_IN
    assert names[len(BUILT_IN) :] == sorted(names[len(BUILT_IN) :])


def test_built_in_names_are_those_that_are_no_hub_ids() -> None:
    assert built_in() == {*VARIANTS, "embedded", "embedded@1"}
    assert set(BUILT_IN) == built_in() - {"embedded@1"}


def test_no_name_or_alias_is_listed_twice() -> None:
    names = [name.casefold() for row in rows() for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))


@by_row
def test_every_name_is_built_in_or_a_hub_id(row: Row) -> None:
    assert row.name in BUILT_IN or all(HUB_ID.fullmatch(name) for name in (row.name, *row.aliases))


@by_row
def test_every_field_of_every_row_is_one_that_is_known(row: Row) -> None:
    assert row.family in FAMILIES
    assert LICENCE.fullmatch(row.licence)
    assert row.instructions in ("slot", "joined", "ignored")
    assert row.context is None or row.context >= 64
    assert all(language == "multilingual" or re.fullmatch("[a-z]{2}", language) for language in row.languages)
    assert list(row.languages) == sorted(row.languages)
    assert (row.parameters == 0) == (row.family == "lexical")
    assert row.parameters is None or row.parameters == 0 or 10**6 < row.parameters < 10**11


@by_row
def test_what_is_not_known_is_said_to_be_unconfirmed(row: Row) -> None:
    assert doubted(row) <= {field.name for field in dataclasses.fields(Row)}
    assert list(row.unconfirmed) == sorted(row.unconfirmed)
    assert row.parameters is not None or "parameters" in doubted(row)
    assert row.context is not None or "context" in doubted(row) or row.family == "lexical"
    assert row.languages or "languages" in doubted(row)
    assert row.licence != "unstated" or "licence" in doubted(row)


@by_row
def test_every_published_score_has_its_metric_and_source(row: Row) -> None:
    for score in row.scores:
        assert score.metric in METRICS
        assert (-100 if score.metric == "p-MRR" else 0) < score.value < 100
        assert score.source
    benchmarks = [(score.benchmark, score.source) for score in row.scores]
    assert benchmarks == sorted(set(benchmarks))


@by_row
def test_a_prompt_recipe_is_named_for_models_that_are_asked_and_load_alone(row: Row) -> None:
    assert row.recipe in RECIPES | {""}
    assert not row.recipe or (row.family in ("prompt", "seq2seq") and row.loads)


def test_every_recipe_has_a_model() -> None:
    assert {row.recipe for row in rows()} == RECIPES | {""}


@by_row
def test_a_model_that_does_not_load_says_why(row: Row) -> None:
    assert row.loads == (row.family in LOADED and not row.refused)
    assert bool(why_not(row)) is not row.loads
    assert not row.refused or "Needed: " in row.refused


def test_a_family_without_a_driver_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secondpass.models.catalog.LOADED", LOADED - {"late"})
    assert "'late'" in why_not(find("colbert-ir/colbertv2.0"))
    assert why_not(find("embedded")) == ""


def test_families_have_models_and_those_that_load_are_families() -> None:
    assert {row.family for row in rows()} == set(FAMILIES)
    assert set(FAMILIES) >= LOADED


def test_the_page_on_models_lists_every_family_and_whether_it_loads() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    for name, what in FAMILIES.items():
        assert f"| `{name}` | {what} | {'yes' if name in LOADED else 'no'} |" in page


@pytest.mark.parametrize(
    ("name", "non_commercial"),
    [
        ("jinaai/jina-reranker-v2-base-multilingual", True),
        ("ContextualAI/ctxl-rerank-v2-instruct-multilingual-1b", True),
        ("naver/splade-v3", True),
        ("Qwen/Qwen3-Reranker-0.6B", False),
        ("castorini/monobert-large-msmarco", False),
        ("bm25", False),
    ],
)
def test_a_licence_that_forbids_commercial_use_is_said(name: str, non_commercial: bool) -> None:
    row = find(name)
    assert row.non_commercial is non_commercial
    notice = licence_notice(row)
    assert (name in notice and row.licence in notice) if non_commercial else notice == ""
    assert "\n" not in notice


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("Qwen/Qwen3-Reranker-8B", Published("MTEB-Code", "nDCG@10", 81.22, "Qwen3-Reranker model card")),
        ("Qwen/Qwen3-Reranker-4B", Published("FollowIR", "p-MRR", 14.84, "Qwen3-Reranker model card")),
        (
            "cross-encoder/ettin-reranker-17m-v1",
            Published("NanoBEIR", "nDCG@10", 67.46, "huggingface.co/blog/ettin-reranker"),
        ),
        ("mixedbread-ai/mxbai-rerank-large-v2", Published("BEIR", "nDCG@10", 57.49, "model card")),
        ("jinaai/jina-reranker-v3.5", Published("BEIR (13 sets)", "nDCG@10", 63.2, "jina-reranker-v3.5 paper")),
        ("castorini/rankllama-v1-7b-lora-passage", Published("TREC DL 2019", "nDCG@10", 76.55, "model card")),
    ],
)
def test_scores_are_as_published(name: str, score: Published) -> None:
    assert score in find(name).scores


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("embedded", "embedded"),
        ("embedded@1", "embedded"),
        ("cross-encoder/ms-marco-MiniLM-L-6-v2", "cross-encoder/ms-marco-MiniLM-L6-v2"),
        ("BAAI/bge-reranker-v2-m3", "BAAI/bge-reranker-v2-m3"),
        ("zeroentropy/zerank-2-reranker", "zeroentropy/zerank-2"),
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
        ("qwen3-reranker-0.6b", "Qwen/Qwen3-Reranker-0.6B"),
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


def test_rows_are_chosen_by_family_licence_and_instructions() -> None:
    pairs = rows(family="pair")
    assert {row.family for row in pairs} == {"pair"}
    mit = rows(family="pair", licence="mit")
    assert {row.name for row in mit} == {"BAAI/bge-reranker-base", "BAAI/bge-reranker-large"}
    slots = rows(family="prompt", instructions="slot")
    assert {row.instructions for row in slots} == {"slot"}
    assert "Qwen/Qwen3-Reranker-0.6B" in {row.name for row in slots}
    assert rows(family="none") == ()


def test_rows_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        find("bm25").parameters = 1  # type: ignore[misc]


def test_a_field_that_no_row_has_is_named() -> None:
    row = {"name": "x", "family": "pair", "licnce": "MIT"}
    with pytest.raises(ValueError, match=r"x: unknown fields \['licnce'\]"):
        read_rows({"model": [row]})
