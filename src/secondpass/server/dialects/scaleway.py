"""Scaleway: what its server, a vLLM, takes and answers, with documents only where they are wanted."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows, usage


def _read(body: Body, sent: Sent) -> Asked:
    return flat(body, top_n=body.cutoff("top_n", zero=True))


def _write(answer: Answered) -> dict[str, Any]:
    return {"id": answer.id, "model": answer.model, "usage": usage(answer), "results": rows(answer)}


SCALEWAY = Dialect(
    name="scaleway",
    title="Scaleway",
    prefix="scaleway",
    paths=("/v1/rerank", "/rerank"),
    root=(),
    read=_read,
    write=_write,
    refused=400,
    example=example(top_n=1),
    source="litellm 1.106.2",
)
