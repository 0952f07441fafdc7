"""The embedded model: an encoder that reads query, instruction and document apart, and a gate over what they share.

A document's token states do not depend on the query, so nothing of the query is read again for each document, and the
backbone keeps what it learnt. The logit comes from late interaction, pooled cosines and lexical evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import Backend, Graph
from secondpass.backends.choose import choose
from secondpass.errors import InputError, ModelLoadError
from secondpass.models.embedded.evidence import FEATURES, DocumentEvidence, IdfTable, QueryEvidence
from secondpass.models.embedded.gate import Gate
from secondpass.models.embedded.similarity import NAMES, AskedStates, States, similarities
from secondpass.models.files import digest
from secondpass.models.scorer import Declared, Piece, Reading, padded_length
from secondpass.text.chunk import Source, split_query
from secondpass.text.encode import Limits, TextEncoder

FOLDER = Path(__file__).parent / "weights"
VERSION = "embedded@1"
RENDERER = 1  # the one that the weights were trained on, whatever the newest is
MAX_TOKENS = 512
LANGUAGES = ("en",)
SPECIAL = 2
ENCODER, TOKENIZER, WORDS, GATE = "encoder.onnx", "tokenizer.json", "words.npz", "gate.npz"

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A query and its instruction, encoded once for all their documents."""

    states: AskedStates
    evidence: QueryEvidence


@dataclass(slots=True, eq=False)
class Text:
    """A document's text; its lexical evidence is made by whichever stream needs it first, once for all its chunks."""

    text: str
    found: DocumentEvidence | None = None

    def evidence(self, words: IdfTable) -> DocumentEvidence:
        if self.found is None:
            self.found = DocumentEvidence.of(self.text, words)
        return self.found


class EmbeddedScorer:
    """A `PairScorer`, separable. `folder` holds the weights: those in the package unless others are given."""

    def __init__(self, backend: Backend | None = None, folder: Path = FOLDER) -> None:
        backend = backend or choose()
        missing = [name for name in (ENCODER, TOKENIZER, WORDS, GATE) if not (folder / name).is_file()]
        if missing:
            raise ModelLoadError(f"{folder} lacks {', '.join(missing)}: reinstall secondpass, or train the weights.")
        self._encoder = TextEncoder.from_file(folder / TOKENIZER)
        self._first, self._last = self._encoder.special("[CLS]"), self._encoder.special("[SEP]")
        try:
            self._words, self._gate = IdfTable.from_file(folder / WORDS), Gate.from_file(folder / GATE)
        except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
            raise ModelLoadError(f"{folder} holds damaged weights ({error}): reinstall secondpass.") from error
        if self._gate.inputs != (*FEATURES, *NAMES):
            raise ModelLoadError(f"{folder / GATE} weighs {self._gate.inputs}, this version computes others.")
        self._token_idf = self._gate.token_idf
        self._graph: Graph = backend.load(folder / ENCODER)
        self._declared = Declared(
            name="embedded",
            version=f"{VERSION} {_digest(folder)} renderer@{RENDERER} {backend.capabilities.precision}",
            renderer=RENDERER,
            max_tokens=MAX_TOKENS,
            separable=True,
            instructions="slot",
            languages=LANGUAGES,
        )

    @property
    def declared(self) -> Declared:
        return self._declared

    def read(self, query: str, instruction: str | None, limits: Limits) -> Callable[[Sequence[str]], list[Reading]]:
        """Encode a query and its instruction; the returned function prepares documents (see `PairScorer.read`).

        Query, instruction and document are read apart, so `max_tokens` bounds each of them; special tokens count.
        Raises `InputError` where the query or the instruction alone is longer.
        """
        room = min(limits.max_tokens or MAX_TOKENS, MAX_TOKENS) - SPECIAL
        asked = self._asked(query, instruction, room)

        def documents(texts: Sequence[str]) -> list[Reading]:
            return [
                self._reading(asked, Source.of(text, np.array(ids, np.int64)), room, limits)
                for text, ids in zip(texts, self._encoder.ids(texts), strict=True)
            ]

        return documents

    def parts(self, query: str, limits: Limits) -> list[str]:
        """The query in parts of `max_query_tokens`, of all that can be read for None (see `QuerySplitter`)."""
        longest = min(limits.max_tokens or MAX_TOKENS, limits.max_query_tokens or MAX_TOKENS, MAX_TOKENS)
        return split_query(self._encoder, query, longest - SPECIAL, limits)

    def count_tokens(self, text: str) -> int:
        """How many tokens a query has (see `TokenCounter`)."""
        (ids,) = self._encoder.ids([text])
        return len(ids)

    def logits(self, pieces: Sequence[Piece]) -> NDArray[np.float32]:
        """One logit a piece, float32, shape (len(pieces),)."""
        read = list({piece.group: piece.inputs[2] for piece in pieces}.items())
        by_group = dict(zip((group for group, _ in read), self._states([ids for _, ids in read]), strict=True))
        states = [by_group[piece.group] for piece in pieces]
        features = np.empty((len(pieces), len(FEATURES) + len(NAMES)), np.float32)
        by_query: dict[Asked, list[int]] = {}
        for row, piece in enumerate(pieces):
            asked, text, _ = piece.inputs
            features[row, : len(FEATURES)] = asked.evidence.features(text.evidence(self._words))
            by_query.setdefault(asked, []).append(row)
        for asked, rows in by_query.items():
            features[rows, len(FEATURES) :] = similarities(asked.states, [states[row] for row in rows])
        return self._gate.logits(features)

    def close(self) -> None:
        """Free the graph. Closing twice does nothing."""
        self._graph.close()

    def _asked(self, query: str, instruction: str | None, room: int) -> Asked:
        texts = [query] if instruction is None else [query, instruction]
        every = self._encoder.ids(texts)
        for what, ids in zip(("query", "instruction"), every, strict=False):
            if len(ids) > room:
                raise InputError(
                    f"The {what} has {len(ids)} tokens, and the embedded model reads {room}: shorten it, raise "
                    "max_tokens if you lowered it, or choose a model that reads more."
                )
        states = self._states([np.array(ids, np.int64) for ids in every])
        idf = np.zeros(len(every[0]) + SPECIAL, np.float32)
        idf[1:-1] = self._token_idf[every[0]]
        told = states[1] if instruction is not None else None
        return Asked(AskedStates.of(states[0], idf, told), QueryEvidence(query, instruction, self._words))

    def _reading(self, asked: Asked, document: Source, room: int, limits: Limits) -> Reading:
        parts = document.parts(self._encoder, room, limits)
        text, ids = Text(document.text), [np.asarray(document.ids[part.tokens]) for part in parts]
        pieces = [Piece(len(part) + SPECIAL, (asked, text, part), _group(part)) for part in ids]
        return Reading.of(pieces, parts, document.length)

    def _states(self, texts: Sequence[Ids]) -> list[States]:
        """Token states of each text (its tokens + 2, 384), [CLS] and [SEP] put around it."""
        length = min(padded_length(max(map(len, texts)) + SPECIAL), MAX_TOKENS)
        tokens = np.zeros((len(texts), length), np.int64)
        mask = np.zeros_like(tokens)
        for row, ids in enumerate(texts):
            tokens[row, 0], tokens[row, 1 : len(ids) + 1], tokens[row, len(ids) + 1] = self._first, ids, self._last
            mask[row, : len(ids) + SPECIAL] = 1
        states = self._graph.run({"input_ids": tokens, "attention_mask": mask})["states"]
        return [states[row, : len(ids) + SPECIAL] for row, ids in enumerate(texts)]


def _group(part: Ids) -> int:
    """A number for a text, the same in every process, so that batches are as well: Python's own hash is salted."""
    return int.from_bytes(blake2b(part.tobytes(), digest_size=8).digest(), "little")


def _digest(folder: Path) -> str:
    """A name for the weights, whatever folder they lie in."""
    return "+".join(digest(folder / name).removeprefix("sha256-")[:8] for name in (ENCODER, WORDS, GATE))
