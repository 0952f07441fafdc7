"""One side of a model that reads queries and documents apart: how a text becomes the tokens that its encoder reads.

Knows ids and limits; nothing of what is computed from them, and nothing of the other side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError
from secondpass.text.chunk import Part, Source, split_query
from secondpass.text.encode import Limits, TextEncoder

Ids = NDArray[np.int32]

_PART_BYTES = 320  # a part with its slice, its span and their numbers


@dataclass(frozen=True, slots=True)
class Expansion:
    """A query is filled up to `length` tokens with `token`; `attend`: whether the others see those that were added."""

    token: int
    length: int
    attend: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """What an encoder reads of one text: its tokens, of which the last `len(ids) - attended` are hidden from others."""

    ids: Ids
    attended: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def key(self) -> bytes:
        """A name for what the encoder makes of it."""
        return blake2b(self.ids.tobytes(), digest_size=16, salt=self.attended.to_bytes(8, "little")).digest()


@dataclass(frozen=True, slots=True)
class Rows:
    """What is read of a document: a row, or one a chunk, of a part each; and its tokens before any cut."""

    rows: tuple[Row, ...]
    keys: tuple[bytes, ...]
    tokens: int
    parts: tuple[Part, ...]

    @property
    def nbytes(self) -> int:
        return sum(row.ids.nbytes for row in self.rows) + (16 + _PART_BYTES) * len(self.keys)


@dataclass(frozen=True, slots=True)
class Side:
    """How texts of one side are read.

    `before` and `after` are ids around the text; `prompt` is put in front of it as text. `limit`: the tokens that are
    read by default, all of them counted; `longest`: those that can be read; None for no end. `lower`: in lower case.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    prompt: str = ""
    limit: int | None = None
    longest: int | None = None
    expansion: Expansion | None = None
    lower: bool = False

    @property
    def specials(self) -> int:
        return len(self.before) + len(self.after)

    def query(self, encoder: TextEncoder, text: str, limits: Limits) -> Row:
        """A query, its prompt and instruction in `text` already, whole unless the reference truncation is asked for.

        Raises `InputError` where it is longer than can be read.
        """
        (ids,) = encoder.ids([self._cased(text)])
        if limits.truncation == "reference" and self.limit is not None:
            ids = ids[: max(0, self.limit - self.specials)]
        longest = _least(limits.max_tokens, self.longest)
        if longest is not None and len(ids) + self.specials > longest:
            raise InputError(
                f"The query (with its prompt and instruction) has {len(ids)} tokens, {self.specials} special ones are "
                f"added, and the model reads {longest}. Shorten it, raise max_tokens, choose a model that reads more, "
                'or pass truncation="reference" to have the query cut.'
            )
        whole = self._whole(ids)
        if self.expansion is None:
            return Row(whole, len(whole))
        added = max(0, self.expansion.length - len(whole))
        expanded = np.concatenate([whole, np.full(added, self.expansion.token, np.int32)])
        return Row(expanded, len(expanded) if self.expansion.attend else len(whole))

    def documents(self, encoder: TextEncoder, texts: Sequence[str], limits: Limits) -> list[Rows]:
        """Documents, cut or split as `limits` say; every chunk has the prompt before it."""
        prompt = self._cased(self.prompt)
        read = [prompt + self._cased(text) for text in texts]
        alone, *found = encoder.ids([prompt.rstrip(), *read])
        sources = [
            Source(text, given, ids, len(ids), before=len(prompt), lowered=self.lower)
            for text, given, ids in zip(texts, read, found, strict=True)
        ]
        return [self._document(encoder, alone, source, limits) for source in sources]

    def parts(self, encoder: TextEncoder, query: str, prompt: int, limits: Limits) -> list[str]:
        """A query in parts of `max_query_tokens`, of all that can be read for None, special tokens and those of its
        prompt counted, which are `prompt`."""
        longest = _least(limits.max_tokens, limits.max_query_tokens, self.longest)
        return [query] if longest is None else split_query(encoder, query, longest - self.specials - prompt, limits)

    def _document(self, encoder: TextEncoder, prompt: Sequence[int], source: Source, limits: Limits) -> Rows:
        ids = source.ids
        # A prompt's end and a text's beginning may be one token, which then counts as the text's.
        shared = next(
            (i for i, (a, b) in enumerate(zip(prompt, ids, strict=False)) if a != b), min(len(prompt), len(ids))
        )
        head, body = list(ids[:shared]), ids[shared:]
        longest = _least(limits.max_tokens or self.limit, self.longest)
        room = len(body) if longest is None else longest - self.specials - len(head)
        source = replace(source, first=shared, length=len(body))
        parts = source.parts(encoder, max(room, 1) if longest is None else room, limits)
        rows = tuple(self._row(head, body[part.tokens]) for part in parts)
        return Rows(rows, tuple(row.key for row in rows), len(body), tuple(parts))

    def _row(self, head: list[int], body: Iterable[int]) -> Row:
        whole = self._whole([*head, *body])
        return Row(whole, len(whole))

    def _whole(self, ids: Sequence[int]) -> Ids:
        return np.array([*self.before, *ids, *self.after], dtype=np.int32)

    def _cased(self, text: str) -> str:
        return text.lower() if self.lower else text


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
