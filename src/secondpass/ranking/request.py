"""What is asked of a reranker: one query with its documents, checked and rendered, and the order in which it is read.

Knows what callers may give, and how to name it back to them; nothing of models but the function that reads texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from secondpass.errors import InputError
from secondpass.models.scorer import Reading
from secondpass.text.render import as_documents, as_query, render
from secondpass.types import AnyDocument

BLOCK = 256
"""Documents that are tokenised together, and no more ahead of the streams than a window or two."""

Reader = Callable[[Sequence[str]], list[Reading]]
"""Prepares rendered documents for one query (`PairScorer.read` gives it)."""

Block = tuple[int, Sequence[int]]
"""A request's number, and positions of some of its documents."""


Called = Callable[[int], str]
"""What the caller knows a document by, from its position in the request; for messages."""


@dataclass(frozen=True, slots=True)
class Request:
    """A query and its documents: as the caller gave them, and as the texts that a model reads."""

    query: str
    instruction: str | None
    documents: Sequence[AnyDocument]
    texts: Sequence[str]
    called: Called

    @classmethod
    def of(
        cls,
        query: str,
        documents: Iterable[AnyDocument],
        *,
        instruction: str | None,
        fields: Sequence[str],
        renderer: int,
        called: Called = "documents[{}]".format,
    ) -> Request:
        """Check and render what the caller gave. Raises `InputError`."""
        asked = as_query(query)
        if instruction is not None and not isinstance(instruction, str):
            raise InputError(f"instruction={instruction!r:.80} is no text: give a string, or None for no instruction.")
        if isinstance(fields, str):
            raise InputError(f"fields={fields!r} is a single name: put it into a list, [{fields!r}].")
        listed = as_documents(documents)
        texts = [render(one, version=renderer, fields=fields) for one in listed]
        return cls(asked, instruction or None, listed, texts, called)

    def readings(self, reader: Reader, positions: Sequence[int]) -> list[Reading]:
        """Readings of some of the documents. A reader knows texts alone, so it is found out here whose is refused."""
        texts = [self.texts[i] for i in positions]
        try:
            return reader(texts)
        except InputError:
            for position, text in zip(positions, texts, strict=True):
                try:
                    reader([text])
                except InputError as error:
                    raise InputError(f"{self.called(position)}: {error}") from error
            raise


def by_request(requests: Sequence[Request]) -> Iterator[Block]:
    """One request after the other, its documents in blocks."""
    for number, request in enumerate(requests):
        for start in range(0, len(request.texts), BLOCK):
            yield number, range(start, min(start + BLOCK, len(request.texts)))


def by_text(requests: Sequence[Request]) -> Iterator[Block]:
    """Requests that ask about one text follow each other, so that a separable model reads it once for all of them."""
    asking: dict[str, dict[int, list[int]]] = {}
    for number, request in enumerate(requests):
        for position, text in enumerate(request.texts):
            asking.setdefault(text, {}).setdefault(number, []).append(position)
    for requested in asking.values():
        yield from requested.items()
