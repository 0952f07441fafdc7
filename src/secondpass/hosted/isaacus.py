"""Isaacus, for legal texts. Source: isaacus 0.22.1 (SDK)."""

from __future__ import annotations

from typing import Any

from secondpass.hosted.answer import Answer, Used, count, read_rows
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build(asked: Asked) -> dict[str, Any]:
    return {"model": asked.model, "query": asked.query, "texts": list(asked.documents)}


def _read(body: Any) -> Answer:
    return Answer(read_rows(body, "score", "results"), Used(tokens=count(body, "usage", "input_tokens")))


ISAACUS = Provider(
    name="isaacus",
    title="Isaacus",
    base_url="https://api.isaacus.com",
    path="/v1/rerankings",
    build=_build,
    read=_read,
    limits=RequestLimits(documents=1000),
    key_variables=("ISAACUS_API_KEY",),
)
