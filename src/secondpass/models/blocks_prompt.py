"""The prompt of jina-reranker-v3: a query, a block of documents, and a marked token behind each of them.

Knows its text and tokens; nothing of limits, weights and graphs. Source: jinaai/jina-reranker-v3, modeling.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secondpass.text.encode import TextEncoder

DOCUMENT_MARK, QUERY_MARK = "<|embed_token|>", "<|rerank_token|>"
_SYSTEM = (
    "system\nYou are a search relevance expert who can determine a ranking of the passages based on how relevant they "
    "are to the query. If the query is a question, how relevant a passage is depends on how well it answers the "
    "question. If not, try to analyze the intent of the query and assess how well each passage satisfies the intent. "
    "If an instruction is provided, you should follow the instruction when determining the ranking."
)
_TASK = (
    "user\nI will provide you with {count} passages, each indicated by a numerical identifier. Rank the passages based "
    "on their relevance to query: {query}\n"
)
_INSTRUCTION = "<instruct>\n{instruction}\n</instruct>\n"
_PASSAGE = '<passage id="{place}">\n'
_PASSAGE_END = "\n</passage>\n"
_QUERY = "<query>\n{query}"
_QUERY_END = "\n</query>"
_ANSWER = "assistant\n<think>\n\n</think>\n\n"
_START, _END = "<|im_start|>", "<|im_end|>"
_MARKS = re.compile("|".join(map(re.escape, (DOCUMENT_MARK, QUERY_MARK))))


@dataclass(frozen=True, slots=True)
class Block:
    """One prompt: its tokens, and where in them the marks are, the documents' in order and then the query's."""

    ids: NDArray[np.int64]
    marks: NDArray[np.int64]


class BlockEncoder:
    """Fills in the prompt. Raises `ModelLoadError` where the vocabulary lacks one of its special tokens."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        start, end, document, query = map(encoder.special, (_START, _END, DOCUMENT_MARK, QUERY_MARK))
        self._specials = {_START: start, _END: end, DOCUMENT_MARK: document, QUERY_MARK: query}
        self.wrapper = len(encoder.ids([_PASSAGE_END + _PASSAGE.format(place=999)])[0]) + 1
        """Tokens that stand around a document, at most."""

    def block(self, query: str, instruction: str, documents: Sequence[str]) -> Block:
        """The prompt for texts without marks (see `unmarked`); `instruction` is "" where there is none."""
        runs = list(_runs(query, instruction, documents))
        texts = iter(self._encoder.ids([run for run in runs if run not in self._specials]))
        ids: list[int] = []
        marks: list[int] = []
        for run in runs:
            if run in (DOCUMENT_MARK, QUERY_MARK):
                marks.append(len(ids))
            ids.extend([self._specials[run]] if run in self._specials else next(texts))
        return Block(np.array(ids, dtype=np.int64), np.array(marks, dtype=np.int64))


def unmarked(text: str) -> str:
    """`text` without the marks' names, nor what would be one once another is taken out of it."""
    while _MARKS.search(text):
        text = _MARKS.sub("", text)
    return text


def _runs(query: str, instruction: str, documents: Sequence[str]) -> Iterator[str]:
    """The prompt in parts: special tokens by their names, and the texts between them."""
    yield from (_START, _SYSTEM, _END, "\n", _START)
    text = _TASK.format(count=len(documents), query=query)
    text += _INSTRUCTION.format(instruction=instruction) if instruction else ""
    for place, document in enumerate(documents):
        yield text + _PASSAGE.format(place=place) + document
        yield DOCUMENT_MARK
        text = _PASSAGE_END
    yield text + _QUERY.format(query=query)
    yield from (QUERY_MARK, _QUERY_END, _END, "\n", _START, _ANSWER)
