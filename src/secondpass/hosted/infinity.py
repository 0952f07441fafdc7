"""Infinity, one's own server. Source: infinity_emb 0.0.78. Raw scores are asked for, as from TEI."""

from __future__ import annotations

from typing import Any

from secondpass.hosted.flat import flat, results
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build(asked: Asked) -> dict[str, Any]:
    return flat(asked, raw_scores=True, return_documents=False)


INFINITY = Provider(
    name="infinity",
    title="Infinity",
    base_url=None,
    path="/rerank",
    build=_build,
    read=results,
    limits=RequestLimits(documents=256),
    key_variables=("INFINITY_API_KEY",),
    needs_key=False,
    default_model="",
    scale="logit",
)
