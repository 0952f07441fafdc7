"""Jina AI. Source: docs of api.jina.ai and what its clients send.

jina-reranker-v3 gives the cosine of two vectors, which may be negative, and reads documents together: the scores of a
list that was sent in several requests are less comparable.
"""

from __future__ import annotations

from typing import Any

from secondpass.hosted.flat import flat, results
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build(asked: Asked) -> dict[str, Any]:
    return flat(asked, return_documents=False)


JINA = Provider(
    name="jina",
    title="Jina",
    base_url="https://api.jina.ai",
    path="/v1/rerank",
    build=_build,
    read=results,
    limits=RequestLimits(documents=1000),
    key_variables=("JINA_API_KEY", "JINA_AI_API_KEY"),
    similarity_models=frozenset({"jina-reranker-v3", "jina-reranker-v3.5"}),
)
