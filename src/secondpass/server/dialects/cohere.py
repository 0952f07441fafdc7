"""Cohere v1 and v2, and Cohere's models on Azure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from secondpass.server.asked import Answered, Asked, Spans
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows
from secondpass.server.problem import Problem
from secondpass.types import Hit


def _read(body: Body, sent: Sent) -> Asked:
    # Cohere's 0 is the most urgent, and larger numbers wait.
    return flat(
        body,
        top_n=body.cutoff("top_n", zero=False),
        spans=spans(body),
        priority=-(body.integer("priority") or 0),
    )


def spans(body: Body) -> Spans | None:
    """What `relevant_spans` asks for."""
    field = body.inner("relevant_spans")
    if field.choice("mode", ("enabled", "disabled"), "disabled") == "disabled":
        return None
    threshold = field.number("threshold")
    most = field.cutoff("max_spans", zero=True)
    return Spans(0.1 if threshold is None else threshold, most)


def passages(answer: Answered, hit: Hit) -> dict[str, Any]:
    """`relevant_spans` of a row, the best first, in code points of the document, where they were asked for.

    Documents that are strings have them: those of others lie in what is made of the document for the model.
    """
    wanted = answer.asked.spans
    if wanted is None:
        return {}
    found = [(one.start, one.end, one.score) for one in hit.passages]
    if not found and hit.span is not None:
        found = [(*hit.span, hit.score)]
    if not isinstance(answer.asked.documents[hit.index], str):
        found = []
    best = sorted((one for one in found if one[2] >= wanted.threshold), key=lambda one: -one[2])
    told = [{"start": start, "end": end, "score": score} for start, end, score in best[: wanted.most]]
    return {"relevant_spans": told}


def meta(answer: Answered, version: str) -> dict[str, Any]:
    """What Cohere tells of the call: search units, one for every hundred documents, and tokens."""
    return {
        "api_version": {"version": version},
        "billed_units": {"search_units": answer.searches},
        "tokens": {"input_tokens": answer.tokens, "output_tokens": 0},
    }


def _write_v1(answer: Answered) -> dict[str, Any]:
    return {"id": answer.id, "results": rows(answer), "meta": meta(answer, "1")}


def _write_v2(answer: Answered) -> dict[str, Any]:
    found = [{**row, **passages(answer, hit)} for row, hit in zip(rows(answer), answer.hits, strict=True)]
    return {"id": answer.id, "results": found, "meta": meta(answer, "2")}


def _error(problem: Problem) -> dict[str, Any]:
    return {"message": problem.message}


COHERE_V1 = Dialect(
    name="cohere-v1",
    title="Cohere v1",
    prefix="cohere",
    paths=("/v1/rerank",),
    root=(),
    read=_read,
    write=_write_v1,
    error=_error,
    refused=400,
    example=example(top_n=1, return_documents=True),
    source="cohere 7.3.1 and docs.cohere.com/reference/rerank",
)
COHERE_V2 = replace(
    COHERE_V1,
    name="cohere-v2",
    title="Cohere v2",
    paths=("/v2/rerank", "/rerank"),
    write=_write_v2,
    example=example(top_n=1, max_tokens_per_doc=512),
)
AZURE = replace(
    COHERE_V2,
    name="azure",
    title="Cohere's models on Azure AI",
    prefix="azure",
    paths=("/v2/rerank", "/v1/rerank", "/providers/cohere/v2/rerank"),
    root=("/providers/cohere/v2/rerank",),
    source="litellm 1.106.2",
)
