"""Isaacus: `texts` in, `results` with `score` out."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import DOCUMENTS, QUERY, Dialect, Sent
from secondpass.server.dialects.flat import flat


def _read(body: Body, sent: Sent) -> Asked:
    return flat(
        body,
        documents=body.documents("texts"),
        given=tuple(body.items("texts")),
        top_n=body.cutoff("top_n", zero=False),
    )


def _write(answer: Answered) -> dict[str, Any]:
    results = [{"index": hit.index, "score": answer.score(hit)} for hit in answer.hits]
    return {"results": results, "usage": {"input_tokens": answer.tokens}}


ISAACUS = Dialect(
    name="isaacus",
    title="Isaacus",
    prefix="isaacus",
    paths=("/v1/rerankings",),
    read=_read,
    write=_write,
    example={"model": "embedded", "query": QUERY, "texts": DOCUMENTS, "top_n": 1},
    source="isaacus 0.22.1",
)
