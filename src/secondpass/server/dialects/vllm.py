"""vLLM: rerank, whose rows always have their document, and score, whose rows are in the order of the pairs."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import DOCUMENTS, QUERY, Dialect, Sent, example
from secondpass.server.dialects.flat import flat, usage
from secondpass.server.problem import Problem, Refused


def _read(body: Body, sent: Sent) -> Asked:
    return flat(
        body,
        documents=body.documents("documents", single=True),
        given=tuple(body.items("documents", single=True)),
        top_n=body.cutoff("top_n", zero=True),
        **_common(body),
    )


def _common(body: Body) -> dict[str, Any]:
    # vLLM serves the lower priority first.
    return {
        "instruction": body.text("instruction"),
        "returns": True,
        "raw": not body.flag("use_activation", "activation", default=True),
        "priority": -(body.integer("priority") or 0),
    }


_QUERIES = ("queries", "data_1", "text_1", "query")
_ITEMS = ("documents", "items", "data_2", "text_2")


def _read_score(body: Body, sent: Sent) -> Asked:
    queries = body.queries(*_QUERIES)
    given = body.items(*_ITEMS, single=True)
    documents = body.documents(*_ITEMS, single=True)
    if len(queries) == 1:
        return flat(body, query=queries[0], documents=documents, given=tuple(given), **_common(body))
    if len(queries) != len(documents):
        raise Refused(
            f"{len(queries)} queries for {len(documents)} documents: give one query, or one a document.", "queries"
        )
    return flat(body, query="", queries=tuple(queries), documents=documents, given=tuple(given), **_common(body))


def _write(answer: Answered) -> dict[str, Any]:
    results = [
        {
            "index": hit.index,
            "document": {"text": answer.text(hit), "multi_modal": None},
            "relevance_score": answer.score(hit),
        }
        for hit in answer.hits
    ]
    return {"id": f"score-{answer.id}", "model": answer.model, "usage": usage(answer), "results": results}


def _write_score(answer: Answered) -> dict[str, Any]:
    data = [{"index": hit.index, "object": "score", "score": answer.score(hit)} for hit in answer.in_order]
    return {
        "id": f"score-{answer.id}",
        "object": "list",
        "created": answer.created,
        "model": answer.model,
        "data": data,
        "usage": {**usage(answer), "completion_tokens": 0, "prompt_tokens_details": None},
    }


def _error(problem: Problem) -> dict[str, Any]:
    told = {"message": problem.message, "type": problem.type, "param": problem.param, "code": problem.status}
    return {"error": told}


VLLM = Dialect(
    name="vllm",
    title="vLLM",
    prefix="vllm",
    paths=("/rerank", "/v1/rerank", "/v2/rerank"),
    root=(),
    read=_read,
    write=_write,
    error=_error,
    refused=400,
    example=example(top_n=1),
    source="vLLM 0.33.0",
)
VLLM_SCORE = Dialect(
    name="vllm-score",
    title="vLLM's scores of pairs",
    prefix="vllm",
    paths=("/score", "/v1/score"),
    read=_read_score,
    write=_write_score,
    error=_error,
    refused=400,
    example={"model": "embedded", "queries": QUERY, "documents": DOCUMENTS},
    source="vLLM 0.33.0",
)
