"""NVIDIA NIM: a query and passages as objects, and logits back."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import DOCUMENTS, QUERY, Dialect, Sent
from secondpass.server.dialects.flat import flat, usage


def _read(body: Body, sent: Sent) -> Asked:
    return flat(
        body,
        documents=body.documents("passages"),
        given=tuple(body.items("passages")),
        model=body.text("model") or sent.parameters.get("model"),
        top_n=body.cutoff("top_k", "top_n", zero=True),  # litellm sends it, the API has none
        raw=True,
    )


def _write(answer: Answered) -> dict[str, Any]:
    rankings = [{"index": hit.index, "logit": answer.score(hit)} for hit in answer.hits]
    return {"rankings": rankings, "usage": usage(answer)}


NIM = Dialect(
    name="nim",
    title="NVIDIA NIM",
    prefix="nim",
    paths=("/v1/ranking", "/v1/retrieval/{model:path}/reranking"),
    read=_read,
    write=_write,
    example={
        "model": "embedded",
        "query": {"text": QUERY},
        "passages": [{"text": text} for text in DOCUMENTS],
        "truncate": "END",
    },
    source="langchain-nvidia 1.5.0, docs.nvidia.com, litellm 1.106.2",
)
