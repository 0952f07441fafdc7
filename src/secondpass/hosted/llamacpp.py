"""llama.cpp's server, which gives a model's raw scores. Source: its server's README."""

from __future__ import annotations

from secondpass.hosted.flat import flat, results
from secondpass.hosted.provider import Provider, RequestLimits

LLAMACPP = Provider(
    name="llamacpp",
    title="llama.cpp",
    base_url=None,
    path="/v1/rerank",
    build=flat,
    read=results,
    limits=RequestLimits(documents=256),
    key_variables=("LLAMA_API_KEY",),
    needs_key=False,
    default_model="",
    scale="logit",
)
