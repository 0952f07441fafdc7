"""Mixedbread: documents are `input`, scores are `score`. Source: mixedbread 0.54 (SDK) and its docs."""

from __future__ import annotations

from typing import Any

from secondpass.hosted.answer import Answer, Used, count, read_rows
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build(asked: Asked) -> dict[str, Any]:
    return {"model": asked.model, "query": asked.query, "input": list(asked.documents), "return_input": False}


def _read(body: Any) -> Answer:
    return Answer(read_rows(body, "score", "data"), Used(tokens=count(body, "usage", "total_tokens")))


MIXEDBREAD = Provider(
    name="mixedbread",
    title="Mixedbread",
    base_url="https://api.mixedbread.com",
    path="/v1/reranking",
    build=_build,
    read=_read,
    limits=RequestLimits(documents=1000),
    key_variables=("MXBAI_API_KEY", "MIXEDBREAD_API_KEY"),
)
