"""Cohere, v2 and v1, and Cohere's models on Azure. Source: cohere 7.3.1 (SDK) and docs.cohere.com/reference/rerank."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from secondpass.hosted.answer import Answer, Used, count, read_rows
from secondpass.hosted.flat import flat
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build_v1(asked: Asked) -> dict[str, Any]:
    return flat(asked, return_documents=False)


def read(body: Any) -> Answer:
    """Rows under `results`; a search unit is one query with up to 100 documents."""
    used = Used(
        tokens=count(body, "meta", "tokens", "input_tokens"),
        searches=count(body, "meta", "billed_units", "search_units"),
    )
    return Answer(read_rows(body, "relevance_score", "results"), used)


COHERE = Provider(
    name="cohere",
    title="Cohere",
    base_url="https://api.cohere.com",
    path="/v2/rerank",
    build=flat,
    read=read,
    limits=RequestLimits(documents=1000),
    key_variables=("CO_API_KEY", "COHERE_API_KEY"),
    url_variables=("CO_API_URL",),
)
COHERE_V1 = replace(COHERE, name="cohere-v1", path="/v1/rerank", build=_build_v1)
AZURE = replace(
    COHERE,
    name="azure",
    title="Azure AI",
    base_url=None,
    key_variables=("AZURE_AI_API_KEY",),
    url_variables=("AZURE_AI_API_BASE",),
)
