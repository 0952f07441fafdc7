"""Rerankers that answer: a prompt is asked about each pair, and the logit is read where the answer would begin.

One driver for all of them: what differs is data, their `PromptRecipe`. Knows nothing of how a graph is computed, nor of
batching.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import LENGTHS, PREFIX, Backend
from secondpass.backends.network import Network
from secondpass.errors import InputError, ModelError, ModelLoadError
from secondpass.models.computed import Computed
from secondpass.models.files import Checkpoint
from secondpass.models.pair import join
from secondpass.models.prompt_cut import reference_cut
from secondpass.models.prompt_recipe import PromptRecipe
from secondpass.models.prompt_tokens import Ids, Parts, PromptEncoder, Question
from secondpass.models.recipe import read_json, read_max_tokens
from secondpass.models.scorer import Declared, Piece, Reading, padded_length
from secondpass.text.chunk import Source, split_query
from secondpass.text.encode import Limits, TextEncoder
from secondpass.text.render import RENDERER

RECIPE_VERSION = "prompt@1"
_SHORTEST_PREFIX = 16  # tokens; computing fewer apart saves less than a pass of their own costs
_ENDLESS = 10**9  # tokens; the limit of models that have none
_OUTPUT = "logits"
_NONE: Ids = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """One row: the tokens that it shares with other documents, which are computed once, and its own.

    `before` and `behind`: how many of its own stand before and behind the document's segment.
    """

    prefix: Ids
    own: NDArray[np.int32]
    before: int
    behind: int


class PromptModel(Computed):
    """A `PairScorer` over one graph that reads prompts. `network` says what is built from the checkpoint's weights."""

    def __init__(self, checkpoint: Checkpoint, backend: Backend, network: Network | None, recipe: PromptRecipe) -> None:
        """Raises `ModelLoadError` where tokenizer and recipe do not fit, or the graph gives no score."""
        super().__init__(checkpoint, backend)
        self._recipe = recipe
        config = read_json(checkpoint.folder / "config.json")
        self._positions = read_max_tokens(checkpoint.folder)
        self._pad_id = int(config.get("pad_token_id") or 0)
        self._encoder = TextEncoder.from_file(checkpoint.tokenizer, special_text=False)
        self._prompt = PromptEncoder(recipe, self._encoder)
        self._graph = backend.load(checkpoint.graph, network)
        self._shares = PREFIX in self._graph.inputs
        try:
            labels = self._labels()
        except ModelError:
            self.close()
            raise
        self._declared = self._declare(labels, network)

    def read(self, query: str, instruction: str | None, limits: Limits) -> Callable[[Sequence[str]], list[Reading]]:
        """Prepare a query, and return what prepares documents for it (see `PairScorer.read`).

        An instruction goes into the prompt's slot for it; where there is none, before the query as for cross-encoders.
        Without `max_tokens` the recipe's longest prompt is read; more than the model has positions for is brought down
        to that. Documents alone are cut, and the name of a special token is plain text; `truncation="reference"` with
        policy "truncate" does both as the authors' code does. Raises `InputError` where the query leaves no room.
        """
        query, instruction = self._asked(query, instruction)
        question = self._prompt.ask(query, instruction)
        longest = self._longest(limits)
        if limits.truncation == "reference" and limits.policy == "truncate":
            end = self._prompt.end(instruction) if self._recipe.reference == "restored" else []
            return lambda texts: [
                self._read_reference(question, self._prompt.segments(query, instruction, each), parts, longest, end)
                for each, parts in self._parts(question, texts)
            ]
        free = longest - len(question.head) - len(question.tail)
        if free < 1:
            raise _no_room(len(question.head) + len(question.tail), longest)
        return lambda texts: [
            self._read_document(question, self._source(question, text, read, parts), parts, longest, limits)
            for text, (read, parts) in zip(texts, self._parts(question, texts), strict=True)
        ]

    def parts(self, query: str, limits: Limits) -> list[str]:
        """The query in parts of `max_query_tokens`, half of what is read for None (see `QuerySplitter`)."""
        longest = self._longest(limits)
        return split_query(self._encoder, query, min(longest, limits.max_query_tokens or longest // 2), limits)

    def count_tokens(self, text: str) -> int:
        """How many tokens a query has (see `TokenCounter`)."""
        (ids,) = self._encoder.ids([text])
        return len(ids)

    def logits(self, pieces: Sequence[Piece]) -> NDArray[np.float32]:
        """One logit a piece, float32, shape (len(pieces),); two labels give the second's log-odds.

        Pieces that begin with the same prefix are computed together, whatever stands between them.
        """
        found = np.zeros(len(pieces), dtype=np.float32)
        groups: dict[bytes, list[int]] = {}
        for place, piece in enumerate(pieces):
            groups.setdefault(piece.inputs.prefix.tobytes(), []).append(place)
        for places in groups.values():
            found[places] = _one_logit(self._run([pieces[place].inputs for place in places]))
        return found

    def close(self) -> None:
        """Free the graph; `logits` raises `ModelError` afterwards. Closing twice does nothing."""
        self._graph.close()

    def _declare(self, labels: int, network: Network | None) -> Declared:
        recipe = f"{RECIPE_VERSION}:{self._recipe.name}-{hashlib.sha256(repr(self._recipe).encode()).hexdigest()[:8]}"
        return Declared(
            name=self.checkpoint.name,
            version=self._version(" ".join((recipe, *_shape(network)))),
            renderer=RENDERER,
            max_tokens=self._positions,
            activation=self._recipe.activation if labels == 1 else "sigmoid",
            instructions="slot" if self._recipe.instructed else "joined",
        )

    def _labels(self) -> int:
        """How many labels the graph gives, from its output for a short pair."""
        question = self._prompt.ask("a", self._recipe.instruction)
        (parts,) = self._prompt.parts(question, ["a"])
        labels = self._run([PromptTokens(_NONE, _joined(parts), question.opening, question.closing)]).shape[1]
        if labels not in (1, 2):
            raise ModelLoadError(
                f"{self.checkpoint.folder} gives {labels} labels a prompt, where 1 (a score) or 2 (irrelevant, "
                "relevant) are expected: it classifies, it does not rank. Choose a model that was trained to rank."
            )
        return int(labels)

    def _asked(self, query: str, instruction: str | None) -> tuple[str, str]:
        """The query and what goes into the slot for instructions, "" where there is none."""
        query = query.strip() if self._recipe.strip else query
        if not self._recipe.instructed:
            return join(instruction, query), ""
        return query, instruction if instruction and instruction.strip() else self._recipe.instruction

    def _longest(self, limits: Limits) -> int:
        return min(limits.max_tokens or self._recipe.max_tokens or _ENDLESS, self._positions or _ENDLESS)

    def _parts(self, question: Question, documents: Sequence[str]) -> list[tuple[str, Parts]]:
        """Each document as the recipe reads it, and its prompt."""
        read = [document.strip() for document in documents] if self._recipe.strip else documents
        return list(zip(read, self._prompt.parts(question, read), strict=True))

    @staticmethod
    def _source(question: Question, text: str, read: str, parts: Parts) -> Source:
        """A document as it was tokenised, within the text around it; `read` is it without white space at its ends."""
        lead = len(question.head) - question.before_ids
        return Source(
            text,
            f"{question.before}{read}{question.after}",
            np.concatenate((parts.head[lead:], parts.document, parts.tail)),
            len(parts.document),
            before=len(question.before),
            first=len(parts.head) - lead,
            skipped=len(text) - len(text.lstrip()) if len(read) < len(text) else 0,
        )

    def _read_document(self, question: Question, source: Source, parts: Parts, longest: int, limits: Limits) -> Reading:
        if len(parts) <= longest:
            piece = self._piece(question, _joined(parts), question.opening, question.closing)
            return Reading((piece,), source.length, False)
        # One row alone may have a head that lost its last token to the document's first word.
        head = parts.head if limits.policy == "truncate" else question.head
        read = source.parts(self._encoder, longest - len(head) - len(question.tail), limits)
        rows = [_joined(_part(question, parts, part.tokens)) for part in read]
        pieces = [self._piece(question, row, question.opening, question.closing) for row in rows]
        return Reading.of(pieces, read, source.length)

    def _read_reference(
        self, question: Question, segments: Sequence[list[int]], parts: Parts, longest: int, end: Sequence[int]
    ) -> Reading:
        before, own, behind = reference_cut(self._recipe, segments, longest, self._positions, end)
        ids = np.array([*before, *own, *behind], dtype=np.int32)[: self._positions]
        piece = self._piece(question, ids, len(before), len(behind))
        return Reading((piece,), len(parts.document), len(ids) < sum(map(len, segments)))

    def _piece(self, question: Question, ids: NDArray[np.int32], before: int, behind: int) -> Piece:
        """A row, with what it shares set apart where the graph takes that and it pays."""
        prefix = question.head[: question.shared]
        worth = self._shares and len(prefix) >= _SHORTEST_PREFIX and len(ids) > len(prefix)
        if not worth or not np.array_equal(ids[: len(prefix)], prefix):
            prefix = _NONE
        own = ids[len(prefix) :]
        return Piece(padded_length(len(own)), PromptTokens(prefix, own, max(before - len(prefix), 0), behind))

    def _run(self, rows: Sequence[PromptTokens]) -> NDArray[np.float32]:
        """The graph's output for rows of one prefix, padded on the right, shape (len(rows), labels)."""
        prefix = rows[0].prefix
        length = self._padded(max(len(row.own) for row in rows), len(prefix))
        ids = np.full((len(rows), length), self._pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row.own)] = row.own
            mask[place, : len(row.own)] = 1
        lengths = ([row.before for row in rows], [row.behind for row in rows])
        tensors = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids), PREFIX: prefix[None]}
        tensors |= {name: np.array(counts, dtype=np.int64) for name, counts in zip(LENGTHS, lengths, strict=True)}
        return self._graph.run(tensors)[_OUTPUT].astype(np.float32, copy=False).reshape(len(rows), -1)

    def _padded(self, length: int, prefix: int) -> int:
        """`length` rounded up, but not past the model's last position."""
        rounded = padded_length(length)
        return rounded if self._positions is None else max(length, min(rounded, self._positions - prefix))


def _shape(network: Network | None) -> list[str]:
    """What of a network's shape the caller may choose: its number of layers, and how documents are shortened."""
    if network is None:
        return []
    layers, shortened = network.body.settings.get("num_hidden_layers"), network.compression
    found = [f"layers={layers}"] if layers is not None else []
    if shortened is not None and shortened.ratio > 1:
        found.append(f"compressed={shortened.ratio}@{','.join(map(str, sorted(set(shortened.layers))))}")
    return found


def _part(question: Question, parts: Parts, span: slice) -> Parts:
    """A span of a document with the whole prompt around it, tokenised as if it were there by itself."""
    head = parts.head if span.start == 0 else question.head
    tail = parts.tail if span.stop == len(parts.document) else question.tail
    return Parts(head, parts.document[span], tail)


def _joined(parts: Parts) -> NDArray[np.int32]:
    return np.concatenate((parts.head, parts.document, parts.tail)).astype(np.int32)


def _one_logit(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row's one label; of two, "relevant" minus "irrelevant"."""
    return logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]


def _no_room(prompt: int, longest: int) -> InputError:
    return InputError(
        f"The prompt with the query (and its instruction) has {prompt} tokens and {longest} are read, so none is left "
        "for a document. Shorten the query, raise max_tokens, choose a model that reads more, or pass "
        'truncation="reference" to have it cut as the authors\' code does.'
    )
