"""jina-reranker-v3: a decoder reads a block of documents at once and gives a vector for each, and one for the query.

Knows limits, blocks and vectors; nothing of the prompt's text and of how a graph is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import MARKS, Backend
from secondpass.backends.network import Body, Layer, Layers, Network
from secondpass.errors import InputError
from secondpass.models.blocks_prompt import Block, BlockEncoder, unmarked
from secondpass.models.computed import Computed
from secondpass.models.files import Checkpoint
from secondpass.models.recipe import read_max_tokens
from secondpass.models.scorer import Declared, Listed
from secondpass.text.encode import Limits, TextEncoder, cut
from secondpass.text.render import RENDERER

ARCHITECTURE = "JinaForRanking"
"""The class in config.json, of jina-reranker-v3 and v3.5."""

UNVERIFIED = "the blocks, the prompt and the projector are built after the authors' code, which was not run beside them"
RECIPE_VERSION = "blocks@1"
_ENDLESS = 10**9  # tokens; the limit of models that have none
_PROJECTOR = Layers((Layer("Linear", "projector.0"), Layer("ReLU"), Layer("Linear", "projector.2")), pool=None)
_OUTPUT = "logits"
_TINY = 1e-8  # the least norm of a vector that a cosine divides by, as torch has it

Vectors = NDArray[np.float64]


def network(config: Mapping[str, Any]) -> Network:
    """What the weights are built into: Qwen3's layers, and the projector on the states of the marked tokens."""
    return Network(Body(settings={"model_type": config.get("model_type", "qwen3")}), _PROJECTOR)


@dataclass(frozen=True, slots=True)
class Sizes:
    """`block`: documents that are read together at most. `query` and `document`: the longest that the authors read, in
    tokens; a query is cut with truncation="reference" alone."""

    block: int = 125
    query: int = 512
    document: int = 2048


class BlockModel(Computed):
    """A `ListScorer` over one graph: a document's logit is the cosine of its vector and the query's.

    A list of several blocks has a query's vector from each, and their mean counts, weighted by (1 + cosine) / 2 of the
    best document in each. `network` as by the function of that name.
    """

    def __init__(
        self, checkpoint: Checkpoint, backend: Backend, network: Network, *, sizes: Sizes | None = None
    ) -> None:
        """Raises `ModelLoadError` where the tokenizer lacks the marks, `UntrainedHead` without a projector."""
        super().__init__(checkpoint, backend)
        self._sizes = sizes or Sizes()
        self._longest = read_max_tokens(checkpoint.folder)
        # The second reads the names of special tokens in a text as such, as the authors' code does.
        self._encoder = TextEncoder.from_file(checkpoint.tokenizer, special_text=False)
        self._reference = TextEncoder.from_file(checkpoint.tokenizer)
        BlockEncoder(self._encoder)
        self._graph = backend.load(checkpoint.graph, network)
        limits = f"{RECIPE_VERSION}:{self._sizes.block}/{self._sizes.query}/{self._sizes.document}"
        self._declared = Declared(
            name=checkpoint.name,
            version=self._version(limits),
            renderer=RENDERER,
            max_tokens=self._longest,
            activation="identity",
            instructions="slot",
        )

    def score(
        self, query: str, documents: Sequence[str], instruction: str | None = None, limits: Limits | None = None
    ) -> Listed:
        """Cosines, each document's length in tokens, and whether it was cut, or the query was, which they all read.

        `max_tokens` bounds a whole block. Documents are cut to `Sizes.document`; the query with
        `truncation="reference"` alone, to `max_query_tokens` or else `Sizes.query`. The order that `documents` come in
        matters. Raises `InputError` for policy "chunk", for policy "error" where a document is too long, and where the
        query leaves no room.
        """
        limits = limits or Limits()
        if not documents:
            return Listed(np.zeros(0, dtype=np.float32), [], [])
        if limits.policy == "chunk":
            raise InputError("policy='chunk': this model compares documents, not chunks; choose 'truncate' or 'error'.")
        reader = _Reader(self._encoder, self._sizes.document)
        asked, shortened = query, False
        if limits.truncation == "reference" and limits.policy == "truncate":
            reader = _Reader(self._reference, self._sizes.document)
            asked = self._reference.beginning(query, limits.max_query_tokens or self._sizes.query)
            shortened = asked != query
        longest = min(limits.max_tokens or _ENDLESS, self._longest or _ENDLESS)
        read = reader.read(asked, instruction or "", documents, longest, limits)
        blocks = [self._vectors(read.block(span)) for span in read.spans(longest, self._sizes)]
        truncated = [shortened or was_cut for was_cut in read.cut]
        return Listed(_cosines(blocks), read.tokens, truncated)

    def close(self) -> None:
        """Free the graph; `score` raises `ModelError` afterwards. Closing twice does nothing."""
        self._graph.close()

    def _vectors(self, block: Block) -> Vectors:
        """A vector for each document of a block and, last, one for the query, shape (documents + 1, size)."""
        found = self._graph.run({"input_ids": block.ids[None], MARKS: block.marks[None]})[_OUTPUT]
        vectors: Vectors = found[0].astype(np.float64)
        return vectors


@dataclass(frozen=True, slots=True)
class _Read:
    """A query and documents as they are shown, all cut: and of each document its tokens before, and whether it was."""

    encoder: BlockEncoder
    query: str
    instruction: str
    query_tokens: int
    prompt_tokens: int
    shown: list[str]
    shown_tokens: list[int]
    tokens: list[int]
    cut: list[bool]
    room: int

    def block(self, span: slice) -> Block:
        return self.encoder.block(self.query, self.instruction, self.shown[span])

    def spans(self, longest: int, sizes: Sizes) -> Iterator[slice]:
        """Which documents are read together: the authors' rule, which leaves room for one more of the longest."""
        start, free, taken = 0, longest - 2 * self.query_tokens, self.prompt_tokens
        for place, length in enumerate(self.shown_tokens):
            cost = length + self.encoder.wrapper
            if place > start and taken + cost > longest:  # only where `max_tokens` is less than the authors allow
                yield slice(start, place)
                start, free, taken = place, longest - 2 * self.query_tokens, self.prompt_tokens
            free, taken = free - length, taken + cost
            if place + 1 - start >= sizes.block or free <= self.room:
                yield slice(start, place + 1)
                start, free, taken = place + 1, longest - 2 * self.query_tokens, self.prompt_tokens
        if start < len(self.shown):
            yield slice(start, len(self.shown))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads texts with `encoder`, documents to `most` tokens."""

    encoder: TextEncoder
    most: int

    def read(self, query: str, instruction: str, documents: Sequence[str], longest: int, limits: Limits) -> _Read:
        """Raises `InputError` where the query leaves no room for a document, or policy "error" meets one too long."""
        blocks = BlockEncoder(self.encoder)
        query, instruction = unmarked(query), unmarked(instruction) if instruction.strip() else ""
        prompt = len(blocks.block(query, instruction, ()).ids)
        room = min(self.most, longest - prompt - blocks.wrapper)
        if room < 1:
            raise InputError(
                f"The prompt with the query (twice) and the instruction has {prompt} tokens and {longest} are read, so "
                "none is left for a document. Shorten the query, or raise max_tokens."
            )
        lengths = [len(ids) for ids in self.encoder.ids(documents)]
        kept = [cut(length, room, limits)[0].stop for length in lengths]
        shown = [
            text if most == length else self.encoder.beginning(text, most)
            for text, length, most in zip(documents, lengths, kept, strict=True)
        ]
        return _Read(
            encoder=blocks,
            query=query,
            instruction=instruction,
            query_tokens=len(self.encoder.ids([query])[0]),
            prompt_tokens=prompt,
            shown=[unmarked(text) for text in shown],
            shown_tokens=kept,
            tokens=lengths,
            cut=[most < length for length, most in zip(lengths, kept, strict=True)],
            room=room,
        )


def _cosines(blocks: Sequence[Vectors]) -> Vectors:
    """The cosine of each document with the mean of the blocks' queries, shape (documents,)."""
    queries = np.array([block[-1] for block in blocks])
    weights = np.array([((1 + _cosine(block[:-1], block[-1])) / 2).max() for block in blocks])
    weights = weights if weights.sum() > 0 else np.ones_like(weights)  # all of them opposite to their queries
    query = np.average(queries, axis=0, weights=weights)
    return np.concatenate([_cosine(block[:-1], query) for block in blocks])


def _cosine(vectors: Vectors, other: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=-1) * np.linalg.norm(other)
    found: Vectors = vectors @ other / np.maximum(norms, _TINY)
    return found
