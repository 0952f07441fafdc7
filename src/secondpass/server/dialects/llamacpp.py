"""llama.cpp: Jina's shape with raw scores and without documents; with `texts`, TEI's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows, usage
from secondpass.server.dialects.tei import TEI
from secondpass.server.problem import Problem


def _read(body: Body, sent: Sent) -> Asked:
    return flat(body, top_n=body.cutoff("top_n", zero=True), returns=False, raw=True)


def _write(answer: Answered) -> dict[str, Any]:
    return {"model": answer.model, "object": "list", "usage": usage(answer), "results": rows(answer)}


def _error(problem: Problem) -> dict[str, Any]:
    return {"error": {"code": problem.status, "message": problem.message, "type": problem.type}}


LLAMACPP = Dialect(
    name="llamacpp",
    title="llama.cpp",
    prefix="llamacpp",
    paths=("/reranking", "/rerank", "/v1/rerank", "/v1/reranking"),
    root=("/reranking", "/v1/reranking"),
    read=_read,
    write=_write,
    error=_error,
    refused=400,
    example=example(top_n=1),
    source="llama.cpp's server",
)
LLAMACPP_TEXTS = replace(TEI, name="llamacpp-texts", prefix="llamacpp", paths=LLAMACPP.paths, root=LLAMACPP.root)
