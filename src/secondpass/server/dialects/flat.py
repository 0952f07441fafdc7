"""The shape that most rerank APIs share: `model`, `query` and `documents` in, rows of an index and a score out.

Knows no dialect: each file that uses it says what is its own.
"""

from __future__ import annotations

from typing import Any, Literal

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body

Shown = Literal["object", "text", "given"]
"""How a document comes back: as an object with its text under `text`, as its text, or as it was sent."""


def flat(body: Body, **own: Any) -> Asked:
    """What is asked; `own` are fields of `Asked` that the dialect reads by itself, and go before these."""
    common: dict[str, Any] = {"model": body.text("model"), "query": "", "returns": body.flag("return_documents")}
    if "query" not in own:
        common["query"] = body.query("query")
    if "documents" not in own:
        own["documents"] = body.documents("documents", fields=body.strings("rank_fields"))
        own["given"] = tuple(body.items("documents"))
    return Asked(**{**common, **own})


def rows(answer: Answered, score: str = "relevance_score", shown: Shown = "object") -> list[dict[str, Any]]:
    """One row a hit, best first: `index`, its score under the name `score`, and the `document` where it is wanted."""
    show = {"object": answer.object, "text": answer.text, "given": answer.given}[shown]
    return [
        {"index": hit.index, score: answer.score(hit), **({"document": show(hit)} if answer.asked.returns else {})}
        for hit in answer.hits
    ]


def usage(answer: Answered) -> dict[str, int]:
    """Tokens, as OpenAI names them."""
    return {"prompt_tokens": answer.tokens, "total_tokens": answer.tokens}
