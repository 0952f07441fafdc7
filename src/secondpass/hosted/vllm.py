"""vLLM: its rerank API (`vllm`) and its score API (`vllm-score`). Source: vllm 0.33.0, entrypoints/pooling.

Scores are asked for before the activation; the sigmoid of them is shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from secondpass.hosted.answer import Answer, Used, count, read_rows
from secondpass.hosted.flat import flat, results
from secondpass.hosted.provider import Asked, Provider, RequestLimits

_MODELS_OWN = -1


def _shared(asked: Asked) -> dict[str, Any]:
    cut_at = None if asked.refuse_long else asked.max_tokens or _MODELS_OWN  # without it, a long pair is refused
    return {"use_activation": False, "truncate_prompt_tokens": cut_at, "instruction": asked.instruction}


def _build(asked: Asked) -> dict[str, Any]:
    return flat(asked, **_shared(asked))


def _build_score(asked: Asked) -> dict[str, Any]:
    body = flat(asked, **_shared(asked))
    return {"text_1": body.pop("query"), "text_2": body.pop("documents"), **body}


def _read_score(body: Any) -> Answer:
    return Answer(read_rows(body, "score", "data"), Used(tokens=count(body, "usage", "total_tokens")))


VLLM = Provider(
    name="vllm",
    title="vLLM",
    base_url=None,
    path="/v1/rerank",
    build=_build,
    read=results,
    limits=RequestLimits(documents=256),
    key_variables=("VLLM_API_KEY",),
    needs_key=False,
    default_model="",
    scale="logit",
    instructions="slot",
    can_refuse_long=True,
    takes_max_tokens=True,
)
VLLM_SCORE = replace(VLLM, name="vllm-score", path="/v1/score", build=_build_score, read=_read_score)
