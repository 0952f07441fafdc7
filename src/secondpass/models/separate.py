"""Models that read query and document apart: vectors or weighted terms of each, and a comparison of the two.

One driver for late interaction, sparse models and bi-encoders: what differs between them is their `Separation`. What
was computed of a document is kept in memory for the next query that asks about it. Knows nothing of how a graph is
computed, nor of batching.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import PREFIX, Backend, Graph
from secondpass.backends.network import Network
from secondpass.errors import ModelError, ModelLoadError
from secondpass.models.catalog import Instructions
from secondpass.models.computed import Computed
from secondpass.models.files import Checkpoint
from secondpass.models.memory import Memory, Sized
from secondpass.models.pair import join
from secondpass.models.scorer import STEP, Activation, Declared, Piece, Reading, padded_length
from secondpass.models.side import Row, Rows, Side
from secondpass.text.encode import Limits, TextEncoder
from secondpass.text.render import RENDERER

REMEMBERED = 256 * 1024 * 1024
"""Bytes that are kept by default: some 2,900 documents of 180 tokens with 128 numbers each, in fp32."""

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_LIST_AT_MOST = 6
_KNOWN_INPUTS = (*_INPUTS, PREFIX)

States = NDArray[np.float32]


class Comparison(Protocol):
    """What is kept of a text, and what a query and documents give together. Stateless."""

    @property
    def version(self) -> str:
        """What it computes, for the versions of scores."""

    @property
    def settings(self) -> tuple[object, ...]:
        """What else can move a logit, in a fixed order."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of an ONNX graph's outputs that it reads, the best first."""

    def on(self, device: str) -> Comparison:
        """The same, computed on a backend's device where that pays."""

    def kept(self, found: States, row: Row, *, query: bool) -> Sized:
        """What is kept of one text, from the graph's output for its row: (length, size), or (size,) where joined."""

    def logits(self, query: Any, documents: Sequence[Any]) -> NDArray[np.float32]:
        """One logit a document, float32, shape (len(documents),)."""


@dataclass(frozen=True, slots=True)
class Separation:
    """How a checkpoint's two sides are read and compared.

    `slot`: the query's prompt with "{}" where its instruction stands, "" where it has none; `pad_id` fills rows up.
    `activation`, `scale` and `languages` as in `Declared`. `onnx`: whether an ONNX graph of the transformer holds all
    that is computed. `own_query`: whether queries are read by another checkpoint.
    """

    query: Side
    document: Side
    comparison: Comparison
    pad_id: int = 0
    slot: str = ""
    activation: Activation = "identity"
    scale: float = 1.0
    onnx: bool = False
    own_query: bool = False
    languages: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """What is read and how it is compared, in a word: files say it that are no part of the weights' version."""
        told = (self.query, self.document, self.slot, self.comparison.settings)
        return f"{self.comparison.version}-{blake2b(repr(told).encode(), digest_size=4).hexdigest()}"

    @property
    def instructions(self) -> Instructions:
        return "slot" if self.slot else "joined"

    def asked(self, query: str, instruction: str | None) -> str:
        """The query's text with its prompt and its instruction."""
        if not instruction or not instruction.strip():
            return self.query.prompt + query
        if self.slot:
            return self.slot.replace("{}", instruction.strip()) + query
        return self.query.prompt + join(instruction, query)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is kept of a query, once for all its documents."""

    kept: Any


@dataclass(frozen=True, slots=True)
class Document:
    """A row of a document, what is kept of it where that is known already, and the query that asks about it."""

    asked: Asked
    row: Row
    key: bytes
    kept: Any


class SeparateModel(Computed):
    """A `PairScorer`, separable, over one graph, or over two where queries have an encoder of their own.

    `memory` keeps what was computed of documents, and of queries: `memory.used` says how many bytes it takes, and
    `Memory(0)` keeps nothing. `asking`: the checkpoint that reads queries, and what torch builds of it. `separation`
    and `encoder` are what it was told and the tokenizer of documents.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        backend: Backend,
        network: Network,
        separation: Separation,
        *,
        memory: Memory | None = None,
        asking: tuple[Checkpoint, Network] | None = None,
    ) -> None:
        super().__init__(checkpoint, backend)
        self.memory = Memory(REMEMBERED) if memory is None else memory
        separation = replace(separation, comparison=separation.comparison.on(backend.capabilities.device))
        self.separation = separation
        self.encoder = TextEncoder.from_file(checkpoint.tokenizer)
        self._document = _Encoder(checkpoint, backend, network, separation)
        self._query, self.asking_encoder = self._document, self.encoder
        if asking is not None:
            self.asking_encoder = TextEncoder.from_file(asking[0].tokenizer)
            self._query = _Encoder(asking[0], backend, asking[1], separation)
        self._declared = self._declare(asking[0] if asking else None)

    def read(self, query: str, instruction: str | None, limits: Limits) -> Callable[[Sequence[str]], list[Reading]]:
        """Encode a query; the returned function prepares documents for it (see `PairScorer.read`).

        Both are read apart, so `max_tokens` bounds each of them, special tokens and prompts included. A document that
        was read before is neither tokenised nor encoded again while the memory has it.
        """
        side = self.separation.query
        row = side.query(self.asking_encoder, self.separation.asked(query, instruction), limits)
        key = b"q" + row.key
        kept = self.memory.get(key)
        if kept is None:
            (kept,) = self._query.kept([row], query=True)
            self.memory.put(key, kept)
        asked = Asked(kept)

        def documents(texts: Sequence[str]) -> list[Reading]:
            return [self._reading(asked, rows) for rows in self._rows(texts, limits)]

        return documents

    def parts(self, query: str, limits: Limits) -> list[str]:
        """The query in parts of `max_query_tokens`, of all that can be read for None (see `QuerySplitter`)."""
        (prompt,) = self.asking_encoder.ids([self.separation.asked("", None)])
        return self.separation.query.parts(self.asking_encoder, query, len(prompt), limits)

    def count_tokens(self, text: str) -> int:
        """How many tokens a query has (see `TokenCounter`)."""
        (ids,) = self.asking_encoder.ids([text])
        return len(ids)

    def logits(self, pieces: Sequence[Piece]) -> NDArray[np.float32]:
        """One logit a piece, float32, shape (len(pieces),)."""
        documents: list[Document] = [piece.inputs for piece in pieces]
        found = {each.key: each.kept for each in documents}
        missing = {each.key: each.row for each in documents if found[each.key] is None}
        for key in list(missing):
            found[key] = self.memory.get(key)  # another batch may have met it meanwhile
            if found[key] is not None:
                del missing[key]
        if missing:
            for key, kept in zip(missing, self._document.kept(list(missing.values()), query=False), strict=True):
                found[key] = kept
                self.memory.put(key, kept)
        by_query: dict[Asked, list[int]] = {}
        for at, each in enumerate(documents):
            by_query.setdefault(each.asked, []).append(at)
        out = np.empty(len(pieces), np.float32)
        for asked, rows in by_query.items():
            # Each document once: in a product its last digit depends on the place, and equal documents have to tie.
            places = {key: place for place, key in enumerate(dict.fromkeys(documents[at].key for at in rows))}
            scored = self.separation.comparison.logits(asked.kept, [found[key] for key in places])
            out[rows] = scored[[places[documents[at].key] for at in rows]]
        return out

    def close(self) -> None:
        """Free the graphs and the memory; `logits` raises `ModelError` afterwards. Closing twice does nothing."""
        self._document.close()
        self._query.close()
        self.memory.clear()

    def _declare(self, asking: Checkpoint | None) -> Declared:
        told = self.separation
        weights = self.checkpoint.version + (f"+{asking.version}" if asking else "")
        return Declared(
            name=self.checkpoint.name,
            version=self._version(told.version, weights=weights),
            renderer=RENDERER,
            max_tokens=told.document.longest,
            activation=told.activation,
            separable=True,
            instructions=told.instructions,
            scale=told.scale,
            languages=told.languages,
        )

    def _rows(self, texts: Sequence[str], limits: Limits) -> list[Rows]:
        """What is read of each text, from memory where it was read before under the same limits."""
        salt = blake2b(repr(limits).encode(), digest_size=16).digest()
        keys = [b"t" + blake2b(text.encode("utf-8", "replace"), digest_size=16, key=salt).digest() for text in texts]
        found: list[Rows | None] = [self.memory.get(key) for key in keys]
        missing = [at for at, rows in enumerate(found) if rows is None]
        if missing:
            read = self.separation.document.documents(self.encoder, [texts[at] for at in missing], limits)
            for at, rows in zip(missing, read, strict=True):
                found[at] = rows
                self.memory.put(keys[at], rows)
        return [rows for rows in found if rows is not None]

    def _reading(self, asked: Asked, rows: Rows) -> Reading:
        pieces = []
        for row, key in zip(rows.rows, rows.keys, strict=True):
            kept = self.memory.get(key)
            # What is known costs next to nothing, so that all of it is compared at once.
            length = len(row) if kept is None else STEP
            pieces.append(Piece(length, Document(asked, row, key, kept), int.from_bytes(key[:8], "little")))
        return Reading.of(pieces, rows.parts, rows.tokens)


class _Encoder:
    """One graph and what is read from it."""

    def __init__(self, checkpoint: Checkpoint, backend: Backend, network: Network, separation: Separation) -> None:
        self._comparison = separation.comparison
        self._pad_id = separation.pad_id
        self._longest = max(separation.query.longest or 0, separation.document.longest or 0)
        onnx = checkpoint.graph.suffix == ".onnx"
        self._graph: Graph = backend.load(checkpoint.graph, None if onnx else network)
        try:
            self._output = _output(checkpoint, self._graph, self._comparison.outputs if onnx else self._graph.outputs)
        except ModelError:
            self._graph.close()
            raise

    def kept(self, rows: Sequence[Row], *, query: bool) -> list[Sized]:
        """What is kept of each row, computed in one batch."""
        found = self._run(rows)
        return [self._comparison.kept(each, row, query=query) for each, row in zip(found, rows, strict=True)]

    def close(self) -> None:
        self._graph.close()

    def _run(self, rows: Sequence[Row]) -> States:
        longest = max(map(len, rows))
        length = padded_length(longest)
        length = max(longest, min(length, self._longest)) if self._longest else length
        ids = np.full((len(rows), length), self._pad_id, np.int64)
        mask = np.zeros_like(ids)
        for at, row in enumerate(rows):
            ids[at, : len(row)] = row.ids
            mask[at, : row.attended] = 1
        none = np.zeros((1, 0), np.int64)  # a decoder's graph may take a prefix
        tensors = {**dict(zip(_INPUTS, (ids, mask, np.zeros_like(ids)), strict=True)), PREFIX: none}
        return self._graph.run(tensors)[self._output].astype(np.float32, copy=False)


def _output(checkpoint: Checkpoint, graph: Graph, wanted: Sequence[str]) -> str:
    """The name of the output that is read. Raises `ModelLoadError` where the graph is none of a text's encoder."""
    unknown = [name for name in graph.inputs if name not in _KNOWN_INPUTS]
    if unknown:
        raise ModelLoadError(
            f"{checkpoint.graph} reads {', '.join(unknown[:_LIST_AT_MOST])}, which an encoder of texts is not given. "
            f"Export it with the inputs {', '.join(_INPUTS)} alone, or pass backend='torch'."
        )
    found = next((name for name in wanted if name in graph.outputs), None)
    if found is None:
        raise ModelLoadError(
            f"{checkpoint.graph} gives {', '.join(graph.outputs[:_LIST_AT_MOST])}, where one of {', '.join(wanted)} is "
            "expected. Export the transformer's last states, or pass backend='torch'."
        )
    return found
