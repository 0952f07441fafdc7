"""duoT5: an encoder-decoder is shown two documents and says whether the first is the better one, for all ordered pairs.

Knows token ids and which document was compared with which; nothing of how a graph is computed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, permutations

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import Backend
from secondpass.backends.network import Network
from secondpass.errors import InputError, ModelLoadError
from secondpass.models.computed import Computed
from secondpass.models.files import Checkpoint
from secondpass.models.pair import join
from secondpass.models.prompt_recipe import PromptRecipe
from secondpass.models.recipe import read_json, read_max_tokens
from secondpass.models.scorer import Declared, Listed, activate, padded_length
from secondpass.text.encode import Limits, TextEncoder, reference_cut
from secondpass.text.render import RENDERER

RECIPE_VERSION = "duo@1"

MOST_DOCUMENTS = 50
"""What the authors rerank: n documents are n·(n - 1) passes, 2,450 of them here."""

_ENDLESS = 10**9  # tokens; the limit of models that have none
_OUTPUT = "logits"
_FIELDS = re.compile(r"\{(?:query|document|other)\}")
_PROBES = ("who wrote it?", "the panda is a bear.", " rivers, seas ")


@dataclass(frozen=True, slots=True)
class _Question:
    """A prompt's tokens but for the two documents: before the first, between them, and behind the second."""

    before: list[int]
    between: list[int]
    after: list[int]

    def __len__(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One row: which documents it is about, the first one first, its tokens, and which of the two were cut."""

    first: int
    second: int
    ids: list[int]
    cut: tuple[bool, bool]


class DuoModel(Computed):
    """A `ListScorer` over one graph. `network` says what is built from the checkpoint's weights.

    A document's logit is the sum over all others of the probability that it is the better one, once as the first of
    the two and once as the second (pygaggle): from 0 to 2·(n - 1).
    """

    def __init__(self, checkpoint: Checkpoint, backend: Backend, network: Network, recipe: PromptRecipe) -> None:
        """Raises `ModelLoadError` where the tokenizer joins words over a space: parts of a prompt are read apart."""
        super().__init__(checkpoint, backend)
        self._positions = read_max_tokens(checkpoint.folder)
        self._longest = min(recipe.max_tokens or _ENDLESS, self._positions or _ENDLESS)
        self._pad_id = int(read_json(checkpoint.folder / "config.json").get("pad_token_id") or 0)
        self._encoder = TextEncoder.from_file(checkpoint.tokenizer, special_text=False)
        self._end = [self._encoder.special(token) for token in recipe.plain[1:]]
        self._texts = [text.strip() for text in _FIELDS.split(recipe.plain[0])]
        _require_words(self._encoder, recipe, self._texts)
        # Reads the names of special tokens in a text as such, as the authors' code does.
        self._reference = TextEncoder.from_file(checkpoint.tokenizer)
        self._graph = backend.load(checkpoint.graph, network)
        named = f"{RECIPE_VERSION}:{recipe.name}-{hashlib.sha256(repr(recipe).encode()).hexdigest()[:8]}"
        self._declared = Declared(
            name=checkpoint.name,
            version=self._version(named),
            renderer=RENDERER,
            max_tokens=self._positions,
            activation="ratio",
            instructions="joined",
        )

    def score(
        self, query: str, documents: Sequence[str], instruction: str | None = None, limits: Limits | None = None
    ) -> Listed:
        """The sums of probabilities, each document's length in tokens, and whether it was cut in any comparison.

        Where a prompt is too long the two documents are cut to equal shares, the query never; with
        `truncation="reference"` the prompt's end goes, as in the authors' code. Raises `InputError` for more than
        `MOST_DOCUMENTS`, for policy "chunk", for policy "error" where two documents do not fit together, and where the
        query leaves no room.
        """
        limits = limits or Limits()
        _check(len(documents), limits)
        question, read = self._read(join(instruction, query), documents, limits)
        rows = list(self._compare(question, read, limits))
        truncated = [False] * len(documents)
        for row in rows:
            truncated[row.first] |= row.cut[0]
            truncated[row.second] |= row.cut[1]
        sums = np.zeros(len(documents))
        for row, better in zip(rows, self._probabilities([row.ids for row in rows]), strict=True):
            sums[row.first] += better
            sums[row.second] += 1 - better
        return Listed(sums, [len(ids) for ids in read], truncated)

    def close(self) -> None:
        """Free the graph; `score` raises `ModelError` afterwards. Closing twice does nothing."""
        self._graph.close()

    def _read(self, query: str, documents: Sequence[str], limits: Limits) -> tuple[_Question, list[list[int]]]:
        """The prompt's tokens, and those of each document."""
        encoder = self._reference if _as_reference(limits) else self._encoder
        opening, after_query, between, after = self._texts
        parts = encoder.ids([f"{opening} {query} {after_query}", between, after])
        return _Question(parts[0], parts[1], parts[2] + self._end), encoder.ids(documents)

    def _compare(self, question: _Question, read: Sequence[list[int]], limits: Limits) -> Iterator[_Comparison]:
        longest = min(limits.max_tokens or self._longest, self._positions or _ENDLESS)
        room = longest - len(question)
        if room < 2 and not _as_reference(limits):
            raise InputError(
                f"The prompt with the query (and its instruction) has {len(question)} tokens and {longest} are read, "
                "so there is no room for two documents. Shorten the query, or raise max_tokens."
            )
        for first, second in permutations(range(len(read)), 2):
            one, other = read[first], read[second]
            if _as_reference(limits):
                yield _cut_end(question, first, second, (one, other), longest - len(self._end), self._end)
                continue
            kept = reference_cut(len(one), len(other), room)
            if limits.policy == "error" and kept != (len(one), len(other)):
                raise InputError(
                    f"documents[{first}] and documents[{second}] have {len(one)} and {len(other)} tokens, and {room} "
                    'are free for both. Shorten them, raise max_tokens, or choose policy="truncate".'
                )
            ids = [*question.before, *one[: kept[0]], *question.between, *other[: kept[1]], *question.after]
            yield _Comparison(first, second, ids, (kept[0] < len(one), kept[1] < len(other)))

    def _probabilities(self, rows: Sequence[list[int]]) -> NDArray[np.float64]:
        """How likely the first document is the better one, shape (len(rows),)."""
        found = np.zeros(len(rows))
        for places in _batches([len(row) for row in rows], self._backend.capabilities.budget):
            found[places] = self._logits([rows[place] for place in places])
        return activate(found, "sigmoid").astype(np.float64)

    def _logits(self, rows: Sequence[list[int]]) -> NDArray[np.float32]:
        """ "true" minus "false", of rows padded on the right."""
        ids = np.full((len(rows), padded_length(max(map(len, rows)))), self._pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        return self._graph.run({"input_ids": ids, "attention_mask": mask})[_OUTPUT][:, 0]


def _as_reference(limits: Limits) -> bool:
    return limits.truncation == "reference" and limits.policy == "truncate"


def _cut_end(
    question: _Question, first: int, second: int, read: tuple[list[int], list[int]], most: int, end: list[int]
) -> _Comparison:
    """As transformers cuts a text that is too long: all of it at its end, but for the token that ends every text."""
    one, other = read
    body = [*question.before, *one, *question.between, *other, *question.after]
    body = body[: len(body) - len(end)]
    start = len(question.before)
    ends = (start + len(one), start + len(one) + len(question.between) + len(other))
    return _Comparison(first, second, body[:most] + end, (most < ends[0], most < ends[1]))


def _batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Positions of rows, longest first, so many at a time that rows × longest stay within the budget."""
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    while order:
        count = max(1, budget // padded_length(lengths[order[0]]))
        yield order[:count]
        order = order[count:]


def _check(count: int, limits: Limits) -> None:
    if count > MOST_DOCUMENTS:
        raise InputError(
            f"{count} documents were given, and comparing all pairs of them takes {count * (count - 1):,} passes; at "
            f"most {MOST_DOCUMENTS} are compared. Rank with a cheaper model first, and give this one "
            "its best."
        )
    if limits.policy == "chunk":
        raise InputError("policy='chunk': this model compares two documents, not chunks; choose 'truncate' or 'error'.")


def _require_words(encoder: TextEncoder, recipe: PromptRecipe, texts: Sequence[str]) -> None:
    """Refuse a tokenizer that makes other tokens of a prompt's parts than of the prompt."""
    parts = [part for pair in zip(texts, [*_PROBES, ""], strict=True) for part in pair]
    whole = re.sub(_FIELDS, "{}", recipe.plain[0]).format(*_PROBES)
    first, *apart = encoder.ids([whole, *parts])
    if list(chain.from_iterable(apart)) != first:
        raise ModelLoadError(
            f"The recipe {recipe.name!r} is for tokenizers that split texts at white space, as T5's does, and this one "
            "joins words over it. Choose a model of that family."
        )
