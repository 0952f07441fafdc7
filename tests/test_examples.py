"""The requests under examples/: the embedded model puts the documents that are asked for first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import secondpass
from secondpass.text.render import render

EXAMPLES = Path(__file__).parent.parent / "examples"
RENDERED = ("tables", "tools")
PLAIN = ("forecasts", "novel", "sales", "skincare")


@pytest.fixture(scope="module")
def embedded() -> Iterator[secondpass.Reranker]:
    with secondpass.load() as reranker:
        yield reranker


def request_of(name: str) -> dict[str, Any]:
    request: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return request


def test_every_request_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.json")} == {*RENDERED, *PLAIN}


@pytest.mark.parametrize("name", RENDERED)
def test_the_right_document_comes_first_of_structured_ones(name: str, embedded: secondpass.Reranker) -> None:
    request = request_of(name)
    texts = [render(document, version=2) for document in request["documents"]]
    ranking = embedded.rank(request["query"], texts, instruction=request["instruction"])
    assert ranking[0].index == request["first"]


@pytest.mark.parametrize("name", PLAIN)
def test_the_right_documents_come_first(name: str, embedded: secondpass.Reranker) -> None:
    request = request_of(name)
    ranking = embedded.rank(
        request["query"], request["documents"], instruction=request["instruction"], now=request.get("now")
    )
    top = request["top"] if "top" in request else [request["first"]]
    assert {hit.index for hit in ranking[: len(top)]} == set(top)


def test_without_the_glossary_the_other_languages_are_ranked_by_accident() -> None:
    request = request_of("skincare")
    with secondpass.load(glossary=False) as reranker:
        ranking = reranker.rank(request["query"], request["documents"])
    assert {hit.index for hit in ranking[: len(request["top"])]} != set(request["top"])
