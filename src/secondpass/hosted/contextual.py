"""Contextual AI: instructions in a slot of their own, and a line of metadata a document.

Source: contextual-client 0.11.0 (SDK) and docs.contextual.ai.
"""

from __future__ import annotations

from typing import Any

from secondpass.hosted.flat import flat, results
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build(asked: Asked) -> dict[str, Any]:
    metadata = None if asked.metadata is None else list(asked.metadata)
    return flat(asked, instruction=asked.instruction, metadata=metadata)


CONTEXTUAL = Provider(
    name="contextual",
    title="Contextual AI",
    base_url="https://api.contextual.ai",
    path="/v1/rerank",
    build=_build,
    read=results,
    limits=RequestLimits(documents=1000, tokens=400_000, pair_tokens=8_000),
    key_variables=("CONTEXTUAL_AI_API_KEY", "CONTEXTUAL_API_KEY"),
    url_variables=("CONTEXTUAL_AI_BASE_URL",),
    instructions="slot",
    takes_metadata=True,
)
