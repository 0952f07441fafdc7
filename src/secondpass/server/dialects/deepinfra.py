"""DeepInfra: the model is in the path, queries and documents come in pairs, scores go back in their order."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import DOCUMENTS, QUERY, Dialect, Sent
from secondpass.server.problem import Refused


def _read(body: Body, sent: Sent) -> Asked:
    queries = body.queries("queries", "query")
    documents = body.documents("documents", single=True)
    if len(queries) not in (1, len(documents)):
        raise Refused(f"{len(queries)} queries for {len(documents)} documents: give one a document.", "queries")
    return Asked(
        model=sent.parameters.get("model"),
        query=queries[0],
        queries=tuple(queries) if len(set(queries)) > 1 else None,
        documents=documents,
        given=tuple(body.items("documents", single=True)),
        instruction=body.text("instruction"),
    )


def _write(answer: Answered) -> dict[str, Any]:
    return {
        "scores": [answer.score(hit) for hit in answer.in_order],
        "input_tokens": answer.tokens,
        "request_id": answer.id,
        "inference_status": {"status": "succeeded", "runtime_ms": round(answer.seconds * 1000), "cost": 0.0},
    }


DEEPINFRA = Dialect(
    name="deepinfra",
    title="DeepInfra",
    prefix="deepinfra",
    paths=("/v1/inference/{model:path}", "/inference/{model:path}"),
    read=_read,
    write=_write,
    example={"queries": [QUERY] * len(DOCUMENTS), "documents": DOCUMENTS},
    source="deepinfra.com and litellm 1.106.2",
)
