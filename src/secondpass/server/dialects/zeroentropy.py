"""ZeroEntropy: tokens, bytes and seconds are told at the top."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import Dialect, Sent, example
from secondpass.server.dialects.flat import flat, rows


def _read(body: Body, sent: Sent) -> Asked:
    return flat(
        body,
        top_n=body.cutoff("top_n", zero=True),
        returns=False,
        echo={"latency": body.choice("latency", ("fast", "slow"), "fast")},
    )


def _write(answer: Answered) -> dict[str, Any]:
    query = len(answer.asked.query.encode("utf-8", "replace"))
    sizes = (len(str(one).encode("utf-8", "replace")) for one in answer.asked.given)
    return {
        "results": rows(answer),
        "total_bytes": sum(query + size for size in sizes),
        "total_tokens": answer.tokens,
        "actual_latency_mode": answer.asked.echo["latency"],
        "e2e_latency": answer.seconds,
        "inference_latency": answer.seconds,
    }


ZEROENTROPY = Dialect(
    name="zeroentropy",
    title="ZeroEntropy",
    prefix="zeroentropy",
    paths=("/v1/models/rerank",),
    read=_read,
    write=_write,
    example=example(top_n=1),
    source="zeroentropy 0.1.0a11",
)
