"""The shape that most rerank APIs share: `model`, `query`, `documents` in; rows with `index` and `relevance_score` out.

Knows no provider: each file that uses it adds what is its own.
"""

from __future__ import annotations

from typing import Any

from secondpass.hosted.answer import Answer, Used, count, read_rows
from secondpass.hosted.provider import Asked


def flat(asked: Asked, **more: Any) -> dict[str, Any]:
    """The body of a request; no `model` where the server knows its own, and nothing of `more` that is None."""
    named = {"model": asked.model} if asked.model else {}
    body = {**named, "query": asked.query, "documents": list(asked.documents)}
    return {**body, **{key: value for key, value in more.items() if value is not None}}


def results(body: Any) -> Answer:
    """`results[]{index, relevance_score}` with `usage.total_tokens`."""
    return Answer(read_rows(body, "relevance_score", "results"), Used(tokens=count(body, "usage", "total_tokens")))
