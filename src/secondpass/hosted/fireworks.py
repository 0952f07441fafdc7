"""Fireworks AI: rows under `data`, or under `results`. Source: what litellm 1.106.2 reads."""

from __future__ import annotations

from typing import Any

from secondpass.hosted.answer import Answer, Used, count, read_rows
from secondpass.hosted.flat import flat
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build(asked: Asked) -> dict[str, Any]:
    return flat(asked, return_documents=False)


def _read(body: Any) -> Answer:
    key = "data" if isinstance(body, dict) and "data" in body else "results"
    return Answer(read_rows(body, "relevance_score", key), Used(tokens=count(body, "usage", "total_tokens")))


FIREWORKS = Provider(
    name="fireworks",
    title="Fireworks",
    base_url="https://api.fireworks.ai/inference",
    path="/v1/rerank",
    build=_build,
    read=_read,
    limits=RequestLimits(documents=1000),
    key_variables=("FIREWORKS_API_KEY",),
)
