"""The requests under examples/: the embedded model puts the document that is asked for first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import secondpass
from secondpass.text.render import render

REQUESTS = [Path(__file__).parent.parent / "examples" / f"{name}.json" for name in ("tables", "tools")]


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_the_right_document_comes_first(path: Path) -> None:
    request: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    texts = [render(document, version=2) for document in request["documents"]]
    with secondpass.load() as reranker:
        ranking = reranker.rank(request["query"], texts, instruction=request["instruction"])
    assert ranking[0].index == request["first"]
