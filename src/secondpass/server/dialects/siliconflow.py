"""SiliconFlow: Cohere v1's shape with an instruction; token counts both where .cn and where .com has them."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows


def _read(body: Body, sent: Sent) -> Asked:
    return flat(
        body,
        documents=body.documents("documents", single=True),
        given=tuple(body.items("documents", single=True)),
        instruction=body.text("instruction"),
        top_n=body.cutoff("top_n", zero=False),
    )


def _write(answer: Answered) -> dict[str, Any]:
    tokens = {"input_tokens": answer.tokens, "output_tokens": 0}
    meta = {"tokens": tokens, "billed_units": {**tokens, "search_units": answer.searches}}
    return {"id": answer.id, "results": rows(answer), "meta": meta, "tokens": tokens}


SILICONFLOW = Dialect(
    name="siliconflow",
    title="SiliconFlow",
    prefix="siliconflow",
    paths=("/v1/rerank",),
    root=(),
    read=_read,
    write=_write,
    refused=400,
    example=example(top_n=1, max_chunks_per_doc=1024, overlap_tokens=80),
    source="docs.siliconflow.cn and docs.siliconflow.com",
)
