"""Alibaba's DashScope, its native API. Source: dashscope 2.0.2 (SDK) and its docs."""

from __future__ import annotations

from typing import Any

from secondpass.hosted.answer import Answer, Used, count, member, read_rows
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build(asked: Asked) -> dict[str, Any]:
    instruct = {} if asked.instruction is None else {"instruct": asked.instruction}
    return {
        "model": asked.model,
        "input": {"query": asked.query, "documents": list(asked.documents)},
        "parameters": {"return_documents": False, **instruct},
    }


def _read(body: Any) -> Answer:
    rows = read_rows(member(body, "output"), "relevance_score", "results")
    return Answer(rows, Used(tokens=count(body, "usage", "total_tokens")))


DASHSCOPE = Provider(
    name="dashscope",
    title="DashScope",
    base_url="https://dashscope-intl.aliyuncs.com",
    path="/api/v1/services/rerank/text-rerank/text-rerank",
    build=_build,
    read=_read,
    limits=RequestLimits(documents=500, tokens=120_000, pair_tokens=4_000),
    key_variables=("DASHSCOPE_API_KEY",),
    instructions="slot",
)
