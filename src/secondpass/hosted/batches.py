"""A list of documents as requests that an API's limits allow.

Tokens are estimated from bytes: no hosted model's tokenizer is here, and a limit that is met too early costs little.
"""

from __future__ import annotations

from collections.abc import Sequence

from secondpass.hosted.provider import RequestLimits

BYTES_A_TOKEN = 3
"""UTF-8 bytes that are counted as a token: English has about four, Chinese and Japanese three (one character)."""

_ROW_BYTES = 16  # quotes, comma, escapes, the object that some APIs wrap a document in


def estimate(text: str) -> int:
    """How many tokens `text` may have, rather too many than too few; 0 for no text."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN)


def split(sizes: Sequence[int], query: int, limits: RequestLimits) -> list[range]:
    """Consecutive spans of documents that each fit a request; a document that fits none has one to itself.

    `sizes`: estimated tokens a document; `query`: of the query. A document over `pair_tokens` counts as cut there.
    """
    spans: list[range] = []
    start, tokens, size = 0, 0, 0
    for i, document in enumerate(sizes):
        pair = query + document
        cost = pair if limits.pair_tokens is None else min(pair, limits.pair_tokens)
        body = document * BYTES_A_TOKEN + _ROW_BYTES
        full = (
            i - start >= limits.documents
            or _over(tokens + cost, limits.tokens)
            or _over(query * BYTES_A_TOKEN + size + body, limits.body_bytes)
        )
        if full and i > start:
            spans.append(range(start, i))
            start, tokens, size = i, 0, 0
        tokens += cost
        size += body
    if start < len(sizes):
        spans.append(range(start, len(sizes)))
    return spans


def _over(value: int, limit: int | None) -> bool:
    return limit is not None and value > limit
