"""Infinity: documents come back as strings, and `top_n` has to be more than 0."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows, usage
from secondpass.server.problem import Problem, as_everyone_reads


def _read(body: Body, sent: Sent) -> Asked:
    return flat(body, top_n=body.cutoff("top_n", zero=False), raw=body.flag("raw_scores"))


def _write(answer: Answered) -> dict[str, Any]:
    return {
        "object": "rerank",
        "results": rows(answer, shown="text"),
        "model": answer.model,
        "usage": usage(answer),
        "id": f"infinity-{answer.id}",
        "created": answer.created,
    }


def _error(problem: Problem) -> dict[str, Any]:
    """As everyone reads it, but for a refused body: its client reads FastAPI's list of what is wrong, and no string."""
    told = as_everyone_reads(problem)
    if problem.status != 422:
        return told
    return {**told, "detail": [{"loc": ["body", problem.param or ""], "msg": problem.message, "type": "value_error"}]}


INFINITY = Dialect(
    name="infinity",
    title="Infinity",
    prefix="infinity",
    paths=("/rerank", "/v1/rerank"),
    root=(),
    read=_read,
    write=_write,
    error=_error,
    example=example(return_documents=True, raw_scores=False),
    source="infinity_emb and infinity_client 0.0.78",
)
