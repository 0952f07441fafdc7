"""Voyage: rows under `data`, documents back as strings, `detail` in errors."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows
from secondpass.server.problem import Problem


def _read(body: Body, sent: Sent) -> Asked:
    return flat(body, top_n=body.cutoff("top_k", "top_n", zero=False))


def _write(answer: Answered) -> dict[str, Any]:
    return {
        "object": "list",
        "data": rows(answer, shown="text"),
        "model": answer.model,
        "usage": {"total_tokens": answer.tokens},
    }


def _error(problem: Problem) -> dict[str, Any]:
    return {"detail": problem.message}


VOYAGE = Dialect(
    name="voyage",
    title="Voyage",
    prefix="voyage",
    paths=("/v1/rerank", "/rerank"),
    root=(),
    read=_read,
    write=_write,
    error=_error,
    refused=400,
    example=example(top_k=1, truncation=True),
    source="voyageai 0.5.0",
)
