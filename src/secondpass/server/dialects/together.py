"""Together: Jina's shape, with `object` "rerank"."""

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
        "object": "rerank",
        "id": answer.id,
        "model": answer.model,
        "results": rows(answer),
        "usage": {**usage(answer), "completion_tokens": 0},
    }


TOGETHER = Dialect(
    name="together",
    title="Together",
    prefix="together",
    paths=("/v1/rerank",),
    root=(),
    read=_read,
    write=_write,
    example=example(top_n=1, return_documents=True),
    source="together 3.1.1",
)
