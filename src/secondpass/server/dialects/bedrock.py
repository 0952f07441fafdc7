"""Amazon Bedrock: sources with text or JSON, told apart on /rerank by `rerankingConfiguration`.

A signature (SigV4) is no key of ours: where keys are asked for, clients send theirs as a bearer token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import DOCUMENTS, QUERY, Dialect, Sent
from secondpass.server.problem import Problem, Refused
from secondpass.types import AnyDocument


def _read(body: Body, sent: Sent) -> Asked:
    queries = body.items("queries")
    if len(queries) != 1:
        raise Refused(f"queries has {len(queries)} entries: give one.", "queries")
    first = queries[0]
    text = Body(first if isinstance(first, dict) else {}, "queries[0].").inner("textQuery").query("text")
    inner = body.inner("rerankingConfiguration").inner("bedrockRerankingConfiguration")
    return Asked(
        model=inner.inner("modelConfiguration").text("modelArn"),
        query=text,
        documents=tuple(_source(one, at) for at, one in enumerate(body.items("sources"))),
        given=tuple(body.items("sources")),
        top_n=inner.cutoff("numberOfResults", zero=False),
    )


def _source(given: Any, at: int) -> AnyDocument:
    inline = Body(given if isinstance(given, dict) else {}, f"sources[{at}].").inner("inlineDocumentSource")
    text = inline.inner("textDocument").text("text")
    record = inline.get("jsonDocument")
    if text is not None:
        return text
    if isinstance(record, dict):
        return record
    raise Refused(f"sources[{at}] has neither a textDocument nor a jsonDocument.", f"sources[{at}]")


def _write(answer: Answered) -> dict[str, Any]:
    return {"results": [{"index": hit.index, "relevanceScore": answer.score(hit)} for hit in answer.hits]}


_TYPES = {
    401: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}


def _error(problem: Problem) -> dict[str, Any]:
    kind = "ValidationException" if problem.status < 500 else "InternalServerException"
    return {"message": problem.message, "__type": _TYPES.get(problem.status, kind)}


def _claims(body: Mapping[str, Any], sent: Sent) -> bool:
    return "rerankingConfiguration" in body


BEDROCK = Dialect(
    name="bedrock",
    title="Amazon Bedrock",
    prefix="bedrock",
    paths=("/rerank",),
    claims=_claims,
    read=_read,
    write=_write,
    error=_error,
    refused=400,
    signature="AWS4-HMAC-SHA256",
    example={
        "queries": [{"type": "TEXT", "textQuery": {"text": QUERY}}],
        "sources": [
            {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}}
            for text in DOCUMENTS
        ],
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {
                "modelConfiguration": {"modelArn": "arn:aws:bedrock:us-west-2::foundation-model/cohere.rerank-v3-5:0"},
                "numberOfResults": 1,
            },
        },
    },
    source="boto3 1.44.5",
)
