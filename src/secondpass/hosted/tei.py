"""Hugging Face's text-embeddings-inference: `texts` in, a bare array out. Source: its router at 0d124dc (2026-07).

Raw scores are asked for; the score that the server would give by itself is their sigmoid.
"""

from __future__ import annotations

from typing import Any

from secondpass.hosted.answer import Answer, read_rows
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build(asked: Asked) -> dict[str, Any]:
    return {
        "query": asked.query,
        "texts": list(asked.documents),
        "truncate": not asked.refuse_long,
        "raw_scores": True,
        "return_text": False,
    }


def _read(body: Any) -> Answer:
    return Answer(read_rows(body, "score"))


TEI = Provider(
    name="tei",
    title="TEI",
    base_url=None,
    path="/rerank",
    build=_build,
    read=_read,
    limits=RequestLimits(documents=32, body_bytes=2_000_000),  # the server's defaults
    key_variables=("TEI_API_KEY",),
    needs_key=False,
    default_model="",
    url_has_model=False,
    scale="logit",
    can_refuse_long=True,
)
