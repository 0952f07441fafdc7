"""Hugging Face's text-embeddings-inference: `texts` in, a bare array out, always of all texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import DOCUMENTS, QUERY, Dialect, Sent
from secondpass.server.dialects.flat import flat
from secondpass.server.problem import Problem


def _read(body: Body, sent: Sent) -> Asked:
    return flat(
        body,
        documents=body.documents("texts"),
        given=tuple(body.items("texts")),
        returns=body.flag("return_text"),
        raw=body.flag("raw_scores"),
    )


def _write(answer: Answered) -> list[dict[str, Any]]:
    return [
        {
            "index": hit.index,
            **({"text": answer.text(hit)} if answer.asked.returns else {}),
            "score": answer.score(hit),
        }
        for hit in answer.hits
    ]


def _claims(body: Mapping[str, Any], sent: Sent) -> bool:
    return "texts" in body


_TYPES = {401: "Unauthorized", 429: "Overloaded", 503: "Unhealthy"}


def _error(problem: Problem) -> dict[str, Any]:
    kind = _TYPES.get(problem.status, "Validation" if problem.status < 500 else "Backend")
    return {"error": problem.message, "error_type": kind}


TEI = Dialect(
    name="tei",
    title="text-embeddings-inference",
    prefix="tei",
    paths=("/rerank", "/", "/invocations"),
    claims=_claims,
    read=_read,
    write=_write,
    error=_error,
    example={"query": QUERY, "texts": DOCUMENTS, "raw_scores": False, "return_text": True},
    source="text-embeddings-inference at 0d124dc (2026-07)",
)
