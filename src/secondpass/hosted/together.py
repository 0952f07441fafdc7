"""Together AI. Source: together 3.1.1 (SDK)."""

from __future__ import annotations

from typing import Any

from secondpass.hosted.flat import flat, results
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build(asked: Asked) -> dict[str, Any]:
    return flat(asked, return_documents=False)


TOGETHER = Provider(
    name="together",
    title="Together",
    base_url="https://api.together.xyz",
    path="/v1/rerank",
    build=_build,
    read=results,
    limits=RequestLimits(documents=1000),
    key_variables=("TOGETHER_API_KEY",),
    url_variables=("TOGETHER_BASE_URL",),
)
