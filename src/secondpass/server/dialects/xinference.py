"""Xinference: Cohere v1's shape; the token counts are there with `return_len`."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows
from secondpass.server.problem import Problem


def _read(body: Body, sent: Sent) -> Asked:
    return flat(
        body,
        top_n=body.cutoff("top_n", zero=True),
        echo={"return_len": body.flag("return_len")},
    )


def _write(answer: Answered) -> dict[str, Any]:
    lengths = {"input_tokens": answer.tokens, "output_tokens": 0} if answer.asked.echo["return_len"] else None
    results = [{"document": None, **row} for row in rows(answer)]
    meta = {"api_version": None, "billed_units": None, "tokens": lengths, "warnings": None}
    return {"id": answer.id, "results": results, "meta": meta}


def _error(problem: Problem) -> dict[str, Any]:
    return {"detail": problem.message}


XINFERENCE = Dialect(
    name="xinference",
    title="Xinference",
    prefix="xinference",
    paths=("/v1/rerank",),
    root=(),
    read=_read,
    write=_write,
    error=_error,
    refused=400,
    example=example(top_n=1, return_documents=True, return_len=True),
    source="xinference 4.1.0",
)
