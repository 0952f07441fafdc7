"""Contextual AI: an instruction, and a line of metadata a document that is read with it."""

from __future__ import annotations

import json
from typing import Any

from secondpass.server.asked import Answered, Asked, with_metadata
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows
from secondpass.server.problem import Refused
from secondpass.types import AnyDocument


def _read(body: Body, sent: Sent) -> Asked:
    documents = body.documents("documents")
    told, fields = metadata(body, documents)
    return flat(
        body,
        documents=told,
        given=tuple(body.items("documents")),
        fields=fields,
        instruction=body.text("instruction"),
        top_n=body.cutoff("top_n", zero=True),
    )


def metadata(body: Body, documents: tuple[AnyDocument, ...]) -> tuple[tuple[AnyDocument, ...], tuple[str, ...]]:
    """The documents with what the strings in `metadata` tell of each, and the fields that are to be read of it.

    A string that is a JSON object, as langchain-contextual sends, tells its own fields; any other is one, `metadata`.
    """
    lines = body.strings("metadata")
    if not lines:
        return documents, ()
    if len(lines) != len(documents):
        raise Refused(f"metadata has {len(lines)} entries for {len(documents)} documents.", "metadata")
    told = [_fields(line) for line in lines]
    names = tuple(dict.fromkeys(name for one in told for name in one))
    return tuple(with_metadata(one, more) for one, more in zip(documents, told, strict=True)), names


def _fields(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line) if line.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    return {"metadata": line} if line.strip() else {}


def _write(answer: Answered) -> dict[str, Any]:
    return {"results": rows(answer)}


CONTEXTUAL = Dialect(
    name="contextual",
    title="Contextual AI",
    prefix="contextual",
    paths=("/v1/rerank", "/rerank"),
    root=(),
    read=_read,
    write=_write,
    example=example(instruction="Prefer what the shop says itself.", metadata=["source: shop", ""]),
    source="contextual-client 0.11.0 and docs.contextual.ai",
)
