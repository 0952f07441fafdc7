"""Alibaba's DashScope: its own shape, and the one compatible with others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import DOCUMENTS, QUERY, Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows
from secondpass.server.problem import Problem


def _read(body: Body, sent: Sent) -> Asked:
    contents, parameters = body.inner("input"), body.inner("parameters")
    return Asked(
        model=body.text("model"),
        query=contents.query("query"),
        documents=contents.documents("documents"),
        given=tuple(contents.items("documents")),
        instruction=parameters.text("instruct"),
        top_n=parameters.cutoff("top_n", zero=True),
        returns=parameters.flag("return_documents"),
    )


def _write(answer: Answered) -> dict[str, Any]:
    return {
        "output": {"results": rows(answer)},
        "usage": {"total_tokens": answer.tokens},
        "request_id": answer.id,
    }


def _read_compatible(body: Body, sent: Sent) -> Asked:
    return flat(body, instruction=body.text("instruct", "instruction"), top_n=body.cutoff("top_n", zero=True))


def _write_compatible(answer: Answered) -> dict[str, Any]:
    return {
        "object": "list",
        "results": rows(answer),
        "model": answer.model,
        "id": answer.id,
        "usage": {"total_tokens": answer.tokens},
    }


_CODES = {
    401: "InvalidApiKey",
    404: "ModelNotFound",
    429: "Throttling.RateQuota",
    503: "ServiceUnavailable",
    504: "RequestTimeOut",
}


def _error(problem: Problem) -> dict[str, Any]:
    code = _CODES.get(problem.status, "InvalidParameter" if problem.status < 500 else "InternalError")
    return {"code": code, "message": problem.message, "request_id": ""}


DASHSCOPE = Dialect(
    name="dashscope",
    title="DashScope",
    prefix="dashscope",
    paths=("/api/v1/services/rerank/text-rerank/text-rerank",),
    read=_read,
    write=_write,
    error=_error,
    refused=400,
    example={
        "model": "embedded",
        "input": {"query": QUERY, "documents": DOCUMENTS},
        "parameters": {"top_n": 1, "return_documents": True},
    },
    source="dashscope 2.0.2",
)
DASHSCOPE_COMPATIBLE = replace(
    DASHSCOPE,
    name="dashscope-compatible",
    title="DashScope, compatible",
    paths=("/compatible-api/v1/reranks", "/v1/reranks"),
    read=_read_compatible,
    write=_write_compatible,
    example=example(top_n=1),
    source="help.aliyun.com and litellm 1.106.2",
)
