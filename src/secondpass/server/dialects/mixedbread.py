"""Mixedbread: the documents are called `input`, and any JSON value is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import DOCUMENTS, QUERY, Dialect, Sent
from secondpass.server.dialects.flat import flat, usage


def _read(body: Body, sent: Sent) -> Asked:
    given = body.items("input")
    plain = [one if isinstance(one, str | dict) else json.dumps(one, ensure_ascii=False) for one in given]
    fields = body.strings("rank_fields")
    return flat(
        body,
        documents=Body({"input": plain}).documents("input", fields=fields),
        given=tuple(given),
        returns=body.flag("return_input"),
        top_n=body.cutoff("top_k", zero=False, negative=True),
    )


def _write(answer: Answered) -> dict[str, Any]:
    shown = answer.asked.returns
    data = [
        {
            "index": hit.index,
            "score": answer.score(hit),
            **({"input": answer.given(hit)} if shown else {}),
            "object": "rank_result",
        }
        for hit in answer.hits
    ]
    top_k = answer.asked.top_n or len(answer.asked.documents)
    return {
        "usage": {**usage(answer), "completion_tokens": 0},
        "model": answer.model,
        "data": data,
        "object": "list",
        "top_k": top_k,
        "return_input": shown,
    }


def _claims(body: Mapping[str, Any], sent: Sent) -> bool:
    return "input" in body


MIXEDBREAD = Dialect(
    name="mixedbread",
    title="Mixedbread",
    prefix="mixedbread",
    paths=("/v1/reranking",),
    claims=_claims,
    read=_read,
    write=_write,
    example={"model": "embedded", "query": QUERY, "input": DOCUMENTS, "top_k": 1, "return_input": True},
    source="mixedbread 0.54.0",
)
