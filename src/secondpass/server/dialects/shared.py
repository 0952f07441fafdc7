"""The paths that many APIs share, without a prefix: everyone's fields are read, and the answer has everyone's.

Requests for Jina, Cohere, Voyage and Contextual can be equal to the byte while their clients read other fields, so one
body has to serve them all. What can be told apart is told apart before it gets here.
"""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.cohere import meta, passages, spans
from secondpass.server.dialects.contextual import metadata
from secondpass.server.dialects.dialect import Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows, usage


def _read(body: Body, sent: Sent) -> Asked:
    documents = body.documents("documents", fields=body.strings("rank_fields"), single=True)
    told, fields = metadata(body, documents)
    return flat(
        body,
        documents=told,
        given=tuple(body.items("documents", single=True)),
        fields=fields,
        instruction=body.text("instruction", "instruct"),
        top_n=body.cutoff("top_n", "top_k", zero=True),
        returns=body.flag("return_documents") and not _wants_none(sent),
        raw=body.flag("raw_scores") or not body.flag("use_activation", default=True),
        spans=spans(body),
        priority=-(body.integer("priority") or 0),
    )


def _wants_none(sent: Sent) -> bool:
    """litellm asks for Infinity's and for vLLM's documents in equal words, and fails on the other's: it gets none."""
    return sent.headers.get("user-agent", "").startswith("litellm/") and sent.route == "/rerank"


def _write(answer: Answered) -> dict[str, Any]:
    results = [{**row, **passages(answer, hit)} for row, hit in zip(rows(answer), answer.hits, strict=True)]
    data = [{**row, "score": row["relevance_score"]} for row in rows(answer, shown="given")]
    return {
        "id": answer.id,
        "object": "rerank",  # "list" breaks infinity_client, and nobody needs it
        "created": answer.created,
        "model": answer.model,
        "results": results,
        "data": data,
        "meta": meta(answer, "2"),
        "usage": {**usage(answer), "rerank_units": answer.searches},
    }


SHARED = Dialect(
    name="shared",
    title="everyone's",
    prefix="shared",
    paths=("/rerank", "/v1/rerank", "/v2/rerank"),
    read=_read,
    write=_write,
    example=example(top_n=1),
    source="the dialects that share the paths",
)
