"""Jina. `top_n` null or 0 means all, and its clients look for `detail` in an error."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows, usage


def _read(body: Body, sent: Sent) -> Asked:
    return flat(body, top_n=body.cutoff("top_n", zero=True))


def _write(answer: Answered) -> dict[str, Any]:
    return {"model": answer.model, "object": "list", "usage": usage(answer), "results": rows(answer)}


JINA = Dialect(
    name="jina",
    title="Jina",
    prefix="jina",
    paths=("/v1/rerank", "/rerank"),
    root=(),
    read=_read,
    write=_write,
    example=example(top_n=1),
    source="docs.jina.ai, langchain-community 0.4.2, jina-haystack 2.0.1",
)
