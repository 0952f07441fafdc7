"""Voyage AI. Source: voyageai 0.5.0 (SDK) and its docs. Limits are those of rerank-2.5."""

from __future__ import annotations

from typing import Any

from secondpass.hosted.answer import Answer, Used, count, read_rows
from secondpass.hosted.flat import flat
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build(asked: Asked) -> dict[str, Any]:
    return flat(asked, truncation=not asked.refuse_long)


def _read(body: Any) -> Answer:
    return Answer(read_rows(body, "relevance_score", "data"), Used(tokens=count(body, "usage", "total_tokens")))


VOYAGE = Provider(
    name="voyage",
    title="Voyage",
    base_url="https://api.voyageai.com",
    path="/v1/rerank",
    build=_build,
    read=_read,
    limits=RequestLimits(documents=1000, tokens=600_000, pair_tokens=32_000),
    key_variables=("VOYAGE_API_KEY",),
    can_refuse_long=True,
)
