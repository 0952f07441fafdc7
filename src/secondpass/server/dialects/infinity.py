"""Infinity: documents come back as strings, and `top_n` has to be more than 0."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows, usage


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


INFINITY = Dialect(
    name="infinity",
    title="Infinity",
    prefix="infinity",
    paths=("/rerank", "/v1/rerank"),
    root=(),
    read=_read,
    write=_write,
    example=example(return_documents=True, raw_scores=False),
    source="infinity_emb and infinity_client 0.0.78",
)
