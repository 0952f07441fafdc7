"""SiliconFlow. Source: docs.siliconflow.com; the slot for instructions is read by its Qwen3 rerankers alone."""

from __future__ import annotations

from typing import Any

from secondpass.hosted.answer import Answer, Used, count, read_rows
from secondpass.hosted.flat import flat
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build(asked: Asked) -> dict[str, Any]:
    return flat(asked, instruction=asked.instruction, return_documents=False)


def _read(body: Any) -> Answer:
    tokens = count(body, "meta", "tokens", "input_tokens")  # the .com service has `tokens` at the top
    used = Used(tokens=count(body, "tokens", "input_tokens") if tokens is None else tokens)
    return Answer(read_rows(body, "relevance_score", "results"), used)


SILICONFLOW = Provider(
    name="siliconflow",
    title="SiliconFlow",
    base_url="https://api.siliconflow.com",
    path="/v1/rerank",
    build=_build,
    read=_read,
    limits=RequestLimits(documents=1000),
    key_variables=("SILICONFLOW_API_KEY",),
    instructions="slot",
)
