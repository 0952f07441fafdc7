"""Pinecone: documents are objects and come back unless that is waved off. Its clients send a header of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import DOCUMENTS, QUERY, Dialect, Sent
from secondpass.server.dialects.flat import flat, rows


def _read(body: Body, sent: Sent) -> Asked:
    return flat(body, top_n=body.cutoff("top_n", zero=False), returns=body.flag("return_documents", default=True))


def _write(answer: Answered) -> dict[str, Any]:
    shown = [
        {**row, **({"document": _as_object(row["document"])} if answer.asked.returns else {})}
        for row in rows(answer, "score", "given")
    ]
    return {"model": answer.model, "data": shown, "usage": {"rerank_units": answer.searches}}


def _as_object(document: Any) -> Any:
    return {"text": document} if isinstance(document, str) else document


def _claims(body: Mapping[str, Any], sent: Sent) -> bool:
    return "x-pinecone-api-version" in sent.headers


PINECONE = Dialect(
    name="pinecone",
    title="Pinecone",
    prefix="pinecone",
    paths=("/rerank",),
    claims=_claims,
    read=_read,
    write=_write,
    refused=400,
    example={
        "model": "embedded",
        "query": QUERY,
        "documents": [{"id": str(at), "text": text} for at, text in enumerate(DOCUMENTS)],
        "rank_fields": ["text"],
        "top_n": 1,
    },
    source="pinecone 10.2.0",
)
