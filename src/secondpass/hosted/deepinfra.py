"""DeepInfra: the model in the path, the query once a document, a plain list of scores back. Source: litellm 1.106.2."""

from __future__ import annotations

from typing import Any

from secondpass.hosted.answer import Answer, Used, count, read_list
from secondpass.hosted.provider import Asked, Provider, RequestLimits


def _build(asked: Asked) -> dict[str, Any]:
    body = {"queries": [asked.query] * len(asked.documents), "documents": list(asked.documents)}
    return body if asked.instruction is None else {**body, "instruction": asked.instruction}


def _read(body: Any) -> Answer:
    return Answer(read_list(body, "scores"), Used(tokens=count(body, "input_tokens")))


DEEPINFRA = Provider(
    name="deepinfra",
    title="DeepInfra",
    base_url="https://api.deepinfra.com/v1",
    path="/inference/{model}",
    build=_build,
    read=_read,
    limits=RequestLimits(documents=1000),
    key_variables=("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"),
    instructions="slot",
)
