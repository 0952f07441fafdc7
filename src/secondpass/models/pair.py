"""Cross-encoders: query and document read together, one logit a pair.

One driver for BERT, ELECTRA, RoBERTa, XLM-R, DeBERTa-v2 and ModernBERT: what differs between them is data, their
`PairRecipe`. Knows nothing of how a graph is computed, nor of batching.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import PREFIX, Backend, Graph
from secondpass.backends.network import Network
from secondpass.errors import InputError, ModelError, ModelLoadError, UntrainedHead
from secondpass.models.computed import Computed
from secondpass.models.encoders import body
from secondpass.models.files import Checkpoint
from secondpass.models.recipe import head_modules, read_json, read_recipe
from secondpass.models.reference import Reference, longest_pair, longest_query
from secondpass.models.scorer import Declared, Piece, Reading, padded_length
from secondpass.text.chunk import Ids as DocumentIds
from secondpass.text.chunk import Part, Source, split_query
from secondpass.text.encode import Limits, TextEncoder, reference_cut
from secondpass.text.render import RENDERER

RECIPE_VERSION = "pair@1"
_ENDLESS = 10**9  # tokens; the limit of models that have none
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")  # a graph reads those of them that it has
_OUTPUT = "logits"

Ids = NDArray[np.int64]


class HeadElsewhere(ModelLoadError):
    """An ONNX graph is a transformer's alone, and its checkpoint keeps the head in modules beside it."""


@dataclass(frozen=True, slots=True)
class PairTokens:
    """One pair's tokens: everything before the document (shared by all documents of a query), and the document's."""

    head: Ids
    head_types: Ids
    document: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.head) + len(self.document)


class PairModel(Computed):
    """A `PairScorer` over one graph. What the checkpoint's files and the backend say is read once, here.

    `network` says what torch builds of the weights; where it is None, config.json does. `reference`: the rule by which
    the authors' code cuts.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        backend: Backend,
        network: Network | None = None,
        *,
        reference: Reference = "longest-first",
    ) -> None:
        if network is None:
            _require_whole_graph(checkpoint)
        super().__init__(checkpoint, backend)
        self._recipe = read_recipe(checkpoint.folder)
        self._reference = reference
        self._encoder = TextEncoder.from_file(checkpoint.tokenizer)
        self._after = np.array([token for token, _ in self._recipe.template.after], dtype=np.int64)
        self._after_types = np.array([kind for _, kind in self._recipe.template.after], dtype=np.int64)
        self._graph = _load(checkpoint, backend, network)
        try:
            labels = self._labels()
        except ModelError:
            self.close()
            raise
        self._declared = self._declare(labels)

    def read(self, query: str, instruction: str | None, limits: Limits) -> Callable[[Sequence[str]], list[Reading]]:
        """Prepare a query, and return what prepares documents for it (see `PairScorer.read`).

        An instruction is put before the query with one space between them, as FlagEmbedding's "{}{}" gives it for an
        instruction that ends in one. `max_tokens` beyond what the model can read is brought down to that. With
        `truncation="reference"` and policy "truncate" the authors' rule says what is cut. Raises `InputError` where the
        query leaves no room for a single token.
        """
        (found,) = self._encoder.ids([self._asked(query, instruction)])
        template = self._recipe.template
        longest = longest_pair(self._reference, limits, self._declared.max_tokens) or _ENDLESS
        alone = len(template.before) + len(template.after)
        ids = np.array(found[: longest_query(self._reference, limits, longest, alone)], dtype=np.int64)
        head, shortened = self._head(ids), len(ids) < len(found)
        room = longest - template.special_tokens
        both = limits.truncation == "reference" and limits.policy == "truncate"
        if both and self._reference == "longest-first":
            read = partial(self._read_reference, ids, head, room=room)
        elif room - len(ids) < 1:
            raise _no_room(len(ids), template.special_tokens, longest)
        else:
            read = partial(self._read_document, head, free=room - len(ids), limits=limits)
        return lambda texts: [
            _noted(read(Source.of(text, ids)), shortened)
            for text, ids in zip(texts, self._encoder.ids(texts), strict=True)
        ]

    def parts(self, query: str, limits: Limits) -> list[str]:
        """The query in parts of `max_query_tokens`, half of what the model reads for None (see `QuerySplitter`)."""
        longest = longest_pair(self._reference, limits, self._declared.max_tokens) or _ENDLESS
        alone = len(self._recipe.template.before) + len(self._recipe.template.after)
        most = longest_query(self._reference, limits, longest, alone)
        return split_query(self._encoder, query, longest // 2 if most is None else most, limits)

    def count_tokens(self, text: str) -> int:
        """How many tokens a query has (see `TokenCounter`)."""
        (ids,) = self._encoder.ids([text])
        return len(ids)

    def logits(self, pieces: Sequence[Piece]) -> NDArray[np.float32]:
        """One logit a piece, float32, shape (len(pieces),); two labels give the second's log-odds."""
        if not pieces:
            return np.zeros(0, dtype=np.float32)
        return _one_logit(self._run([piece.inputs for piece in pieces]))

    def close(self) -> None:
        """Free the graph; `logits` raises `ModelError` afterwards. Closing twice does nothing."""
        self._graph.close()

    def _declare(self, labels: int) -> Declared:
        return Declared(
            name=self.checkpoint.name,
            version=self._version(RECIPE_VERSION),
            renderer=RENDERER,
            max_tokens=self._recipe.max_tokens,
            activation=(self._recipe.activation or "sigmoid") if labels == 1 else "sigmoid",
            instructions="joined",
        )

    def _labels(self) -> int:
        """How many labels the graph gives, from its output for an empty pair. Raises where it scores no pairs."""
        _require_pair_graph(self.checkpoint, self._graph)
        empty = _piece(self._head(np.zeros(0, dtype=np.int64)), (), len(self._after))
        labels = self._run([empty.inputs]).shape[1]
        if labels not in (1, 2):
            raise ModelLoadError(
                f"{self.checkpoint.folder} gives {labels} labels a pair, where 1 (a score) or 2 (irrelevant, relevant) "
                "are expected: it classifies, it does not rank. Choose a cross-encoder that was trained to rank."
            )
        return int(labels)

    def _asked(self, query: str, instruction: str | None) -> str:
        """The query with the instruction, or with what its authors put before it where none is given."""
        return join(instruction, query) if instruction and instruction.strip() else self._recipe.prompt + query

    def _head(self, query: Ids) -> tuple[Ids, Ids]:
        """Ids and segment types of all that stands before the document."""
        template = self._recipe.template
        before = np.array(template.before, dtype=np.int64).reshape(-1, 2)
        between = np.array(template.between, dtype=np.int64).reshape(-1, 2)
        types = np.full(len(query), template.query_type, dtype=np.int64)
        return (
            np.concatenate((before[:, 0], query, between[:, 0])),
            np.concatenate((before[:, 1], types, between[:, 1])),
        )

    def _read_document(self, head: tuple[Ids, Ids], document: Source, *, free: int, limits: Limits) -> Reading:
        return self._reading(head, document, document.parts(self._encoder, free, limits))

    def _read_reference(self, query: Ids, head: tuple[Ids, Ids], document: Source, *, room: int) -> Reading:
        kept_query, kept = reference_cut(len(query), document.length, room)
        if kept_query < len(query):
            head = self._head(query[:kept_query])
        reading = self._reading(head, document, document.kept(self._encoder, [slice(0, kept)]))
        return _noted(reading, kept_query < len(query))

    def _reading(self, head: tuple[Ids, Ids], document: Source, parts: Sequence[Part]) -> Reading:
        pieces = [_piece(head, document.ids[part.tokens], len(self._after)) for part in parts]
        return Reading.of(pieces, parts, document.length)

    def _run(self, pairs: Sequence[PairTokens]) -> NDArray[np.float32]:
        """The graph's output for pairs padded on the right, shape (len(pairs), labels)."""
        tail = len(self._after)
        length = self._padded(max(map(len, pairs)) + tail)
        ids = np.full((len(pairs), length), self._recipe.pad_id, dtype=np.int64)
        types = np.zeros_like(ids)
        mask = np.zeros_like(ids)
        for row, pair in enumerate(pairs):
            start, end = len(pair.head), len(pair)
            ids[row, :start], ids[row, start:end], ids[row, end : end + tail] = pair.head, pair.document, self._after
            types[row, :start], types[row, start:end] = pair.head_types, self._recipe.template.document_type
            types[row, end : end + tail] = self._after_types
            mask[row, : end + tail] = 1
        none = np.zeros((1, 0), dtype=np.int64)  # a decoder's graph may take a prefix
        tensors = {**dict(zip(_INPUTS, (ids, mask, types), strict=True)), PREFIX: none}
        return self._graph.run(tensors)[_OUTPUT].astype(np.float32, copy=False).reshape(len(pairs), -1)

    def _padded(self, length: int) -> int:
        """`length` rounded up, but not past the model's last position."""
        rounded = padded_length(length)
        limit = self._recipe.max_tokens
        return rounded if limit is None else max(length, min(rounded, limit))


def is_headed(graph: Graph) -> bool:
    """Whether a graph gives logits, and not the states of a transformer alone."""
    return _OUTPUT in graph.outputs


def join(instruction: str | None, query: str) -> str:
    """A query with its instruction before it, one space between; a blank instruction is none."""
    return f"{instruction.rstrip()} {query}" if instruction and instruction.strip() else query


def _load(checkpoint: Checkpoint, backend: Backend, network: Network | None) -> Graph:
    """The graph, from an ONNX file as it is, or from weights as `network` or config.json say."""
    if checkpoint.graph.suffix == ".onnx":
        return backend.load(checkpoint.graph)
    return backend.load(checkpoint.graph, network or Network(body(read_json(checkpoint.folder / "config.json"))))


def _noted(reading: Reading, shortened: bool) -> Reading:
    """The reading, noted as truncated where its query was cut."""
    return replace(reading, truncated=True) if shortened else reading


def _piece(head: tuple[Ids, Ids], document: DocumentIds, tail: int) -> Piece:
    tokens = PairTokens(*head, np.array(document, dtype=np.int32))
    return Piece(padded_length(len(tokens) + tail), tokens)


def _one_logit(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row's one label; of two, "relevant" minus "irrelevant", whose sigmoid is the softmax that monoBERT reads."""
    return logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]


def _require_whole_graph(checkpoint: Checkpoint) -> None:
    """Refuse weights whose head lies in modules of its own, which a classifier of transformers does not have."""
    modules = head_modules(checkpoint.folder)
    if modules and checkpoint.graph.suffix != ".onnx":
        raise ModelLoadError(
            f"{checkpoint.folder} keeps its head in the sentence-transformers modules {', '.join(modules)}, which this "
            f"version reads from an ONNX graph alone. Export the whole chain into one with an output {_OUTPUT!r}."
        )


def _require_pair_graph(checkpoint: Checkpoint, graph: Graph) -> None:
    """Refuse a graph that does not read pairs or has no head, by its inputs and outputs."""
    unknown = [name for name in graph.inputs if name not in (*_INPUTS, PREFIX)]
    if unknown:
        raise ModelLoadError(
            f"{checkpoint.graph} reads {', '.join(unknown)}, which a cross-encoder is not given. Export it with the "
            f"inputs {', '.join(_INPUTS)} alone."
        )
    if is_headed(graph):
        return
    modules = head_modules(checkpoint.folder)
    if modules:
        raise HeadElsewhere(
            f"{checkpoint.folder} keeps its head in the sentence-transformers modules {', '.join(modules)}, which its "
            f"ONNX graph lacks. Export the whole chain into one graph with an output {_OUTPUT!r}."
        )
    raise UntrainedHead(
        f"{checkpoint.graph} gives {', '.join(graph.outputs)} and no {_OUTPUT!r}: it encodes texts and has no head to "
        "score a pair with. Use a cross-encoder, such as cross-encoder/ms-marco-MiniLM-L6-v2."
    )


def _no_room(query: int, specials: int, longest: int) -> InputError:
    return InputError(
        f"The query (with its instruction) has {query} tokens and the model reads {longest}, {specials} of them "
        "special, so none is left for a document. Shorten the query, raise max_tokens, choose a model that reads more, "
        'or pass truncation="reference" to have the query cut too.'
    )
