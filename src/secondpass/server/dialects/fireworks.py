"""Fireworks: rows under `data`, as in Voyage's, documents as strings."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows, usage


def _read(body: Body, sent: Sent) -> Asked:
    return flat(body, top_n=body.cutoff("top_n", zero=True))


def _write(answer: Answered) -> dict[str, Any]:
    return {
        "object": "list",
        "data": rows(answer, shown="text"),
        "model": answer.model,
        "usage": {**usage(answer), "completion_tokens": 0},
    }


FIREWORKS = Dialect(
    name="fireworks",
    title="Fireworks",
    prefix="fireworks",
    paths=("/inference/v1/rerank", "/v1/rerank"),
    root=("/inference/v1/rerank",),
    read=_read,
    write=_write,
    example=example(top_n=1),
    source="docs.fireworks.ai and litellm 1.106.2",
)
