"""Pinecone: documents are objects, the key has a header of its own. Source: pinecone 10.2.0 (SDK)."""

from __future__ import annotations

from typing import Any

from secondpass.hosted.answer import Answer, Used, count, read_rows
from secondpass.hosted.provider import Asked, Provider, RequestLimits

_CUT_BY_THEMSELVES = frozenset({"cohere-rerank-3.5"})  # they have no parameter `truncate`


def _build(asked: Asked) -> dict[str, Any]:
    truncate = {"parameters": {"truncate": "NONE" if asked.refuse_long else "END"}}
    return {
        "model": asked.model,
        "query": asked.query,
        "documents": [{"text": document} for document in asked.documents],
        "rank_fields": ["text"],
        "return_documents": False,
        **({} if asked.model in _CUT_BY_THEMSELVES else truncate),
    }


def _read(body: Any) -> Answer:
    return Answer(read_rows(body, "score", "data"), Used(units=count(body, "usage", "rerank_units")))


PINECONE = Provider(
    name="pinecone",
    title="Pinecone",
    base_url="https://api.pinecone.io",
    path="/rerank",
    build=_build,
    read=_read,
    limits=RequestLimits(documents=100),
    key_variables=("PINECONE_API_KEY",),
    key_header="Api-Key",
    key_prefix="",
    headers={"X-Pinecone-API-Version": "2026-07"},
    can_refuse_long=True,
)
