"""NVIDIA's rerank microservice: one's own (`nim`) and NVIDIA's (`nvidia`). Source: docs.nvidia.com, langchain-nvidia.

The answer's scores are logits, and are shown as such.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from secondpass.hosted.answer import Answer, Used, count, read_rows
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build(asked: Asked) -> dict[str, Any]:
    return {
        "model": asked.model,
        "query": {"text": asked.query},
        "passages": [{"text": document} for document in asked.documents],
        "truncate": "NONE" if asked.refuse_long else "END",
    }


def _read(body: Any) -> Answer:
    return Answer(read_rows(body, "logit", "rankings"), Used(tokens=count(body, "usage", "total_tokens")))


def _in_path(model: str) -> str:
    """A model's name as NVIDIA writes it in paths, where dots are underscores."""
    return model.replace(".", "_")


NIM = Provider(
    name="nim",
    title="NIM",
    base_url=None,
    path="/v1/ranking",
    build=_build,
    read=_read,
    limits=RequestLimits(documents=512),
    key_variables=("NIM_API_KEY", "NVIDIA_API_KEY"),
    needs_key=False,
    scale="similarity",
    can_refuse_long=True,
)
NVIDIA = replace(
    NIM,
    name="nvidia",
    title="NVIDIA",
    base_url="https://ai.api.nvidia.com",
    path="/v1/retrieval/{model}/reranking",
    model_in_path=_in_path,
    key_variables=("NVIDIA_API_KEY",),
    needs_key=True,
)
