"""ZeroEntropy. Source: zeroentropy 0.1.0a11 (SDK)."""

from __future__ import annotations

from typing import Any

from secondpass.hosted.answer import Answer, Used, count, read_rows
from secondpass.hosted.flat import flat
from secondpass.hosted.provider import Provider, RequestLimits


def _read(body: Any) -> Answer:
    return Answer(read_rows(body, "relevance_score", "results"), Used(tokens=count(body, "total_tokens")))


ZEROENTROPY = Provider(
    name="zeroentropy",
    title="ZeroEntropy",
    base_url="https://api.zeroentropy.dev",
    path="/v1/models/rerank",
    build=flat,
    read=_read,
    limits=RequestLimits(documents=1000),
    key_variables=("ZEROENTROPY_API_KEY",),
)
