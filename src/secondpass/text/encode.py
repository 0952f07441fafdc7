"""Tokenising under one policy, and the tokenizer itself.

Documents alone are ever shortened, never the query, the instruction or a prompt's end, unless the reference truncation
is asked for. What was cut is always reported. Knows nothing of prompts, templates and models: it turns text into token
ids, says which of them are read, and joins the logits of a document's chunks.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError, ModelLoadError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

Policy = Literal["truncate", "chunk", "error"]
Aggregate = Literal["max", "mean", "first", "mean-best", "decay"]
Truncation = Literal["document", "reference"]
ChunkBy = Literal["tokens", "sentences", "headings", "code"]
QueryPolicy = Literal["refuse", "chunk"]

SHORTEST_INPUT = 8
"""The least `max_tokens`: special tokens, a short query and a token or two of the document."""

_SLICE = 32 * 1024  # characters of one text that are tokenised in one go
_BATCH = 8 * _SLICE  # characters that are tokenised at the same time; an encoding takes some 100 bytes a token

_BEGINNING = 8  # characters a token that are tokenised again, where only the first tokens' places are asked for

_SURROGATE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_LAST_LONE_SPACE = re.compile(r".*\S(?= \S)", re.DOTALL)
_LAST_SPACE = re.compile(r".+(?=[ \t\r\n])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long inputs are dealt with.

    `max_tokens`: the longest whole input (query, document and special tokens); None takes the model's own limit.
    `policy`: "truncate" cuts the document's end, "chunk" reads it in chunks that share `overlap` tokens, "error"
    refuses. `chunk_by`: where chunks end, anywhere ("tokens"), or at the ends of sentences, before Markdown headings,
    or between blocks of code (see `text.chunk`). `aggregate`: what counts of the chunks' logits (see the function of
    that name), "mean-best" the `best_chunks` best. `truncation="reference"` cuts as the model's authors' code
    does (for most: the longer of query and document, one token at a time), for parity; a query is then cut to
    `max_query_tokens` first where that is given, which counts the special tokens that it has alone.
    `query_policy="chunk"` reads a long query in chunks too, of at most `max_query_tokens`; the chunk counts that gives
    a document its best logit. Raises `InputError` naming the setting, its value and the values that are allowed.
    """

    policy: Policy = "truncate"
    max_tokens: int | None = None
    overlap: int = 80
    aggregate: Aggregate = "max"
    truncation: Truncation = "document"
    max_query_tokens: int | None = None
    chunk_by: ChunkBy = "tokens"
    best_chunks: int = 3
    query_policy: QueryPolicy = "refuse"

    def __post_init__(self) -> None:
        for name, allowed in _ALLOWED.items():
            _require_one_of(name, getattr(self, name), get_args(allowed))
        if self.max_tokens is not None:
            _require_at_least("max_tokens", self.max_tokens, SHORTEST_INPUT, ", or None for the model's own limit")
        _require_at_least("overlap", self.overlap, 0)
        _require_at_least("best_chunks", self.best_chunks, 1)
        if self.query_policy == "chunk" and self.truncation == "reference":
            raise InputError(
                'query_policy="chunk" reads the whole query, and truncation="reference" cuts it. Leave one of them out.'
            )
        if self.max_query_tokens is not None:
            _require_at_least("max_query_tokens", self.max_query_tokens, SHORTEST_INPUT, ", or None for no limit")
            if self.truncation != "reference" and self.query_policy != "chunk":
                raise InputError(
                    f"max_query_tokens={self.max_query_tokens!r} cuts the query, which is done with "
                    'truncation="reference" alone, or says how long its chunks are with query_policy="chunk". Pass one '
                    "of them too, or leave it out."
                )

    def __repr__(self) -> str:
        """Later settings are left out where they have their defaults: what was recorded before is known by this."""
        told = ((field.name, getattr(self, field.name), field.default) for field in fields(self))
        shown = [f"{name}={value!r}" for name, value, default in told if name not in _LATER or value != default]
        return f"Limits({', '.join(shown)})"


_ALLOWED: dict[str, Any] = {
    "policy": Policy,
    "aggregate": Aggregate,
    "truncation": Truncation,
    "chunk_by": ChunkBy,
    "query_policy": QueryPolicy,
}
_LATER = frozenset({"chunk_by", "best_chunks", "query_policy"})


class TextEncoder:
    """A tokenizer that never truncates, pads or adds special tokens by itself, and takes any Python string.

    Takes the tokenizer over: its truncation and padding are switched off once, here, and nothing of it is changed
    afterwards, so one encoder serves any number of threads.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        reads = _without_specials(tokenizer) if tokenizer.encode_special_tokens else tokenizer
        self._reads = reads
        # The fast form leaves character offsets out; older releases of tokenizers lack it.
        self._encode_batch = getattr(reads, "encode_batch_fast", reads.encode_batch)

    @classmethod
    def from_file(cls, path: Path, *, special_text: bool = True) -> TextEncoder:
        """Read a tokenizer.json. Raises `ModelLoadError` naming the file.

        `special_text=False` reads the name of a special token within a text as the characters that it is made of, so
        that no document can forge one.
        """
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises Exception itself, for a missing file and a broken one
            raise ModelLoadError(
                f"{path} cannot be read as a tokenizer ({error}). It has to be a tokenizer.json of the `tokenizers` "
                "library; fetch the model again, or name the folder that holds it."
            ) from error
        tokenizer.encode_special_tokens = not special_text
        return cls(tokenizer)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text without special tokens. A text of megabytes is read in slices cut at white space."""
        found: list[list[int]] = [[] for _ in texts]
        for batch in _batches(texts):
            encodings: list[Encoding] = self._encode_batch([part for _, part in batch], add_special_tokens=False)
            for (text, _), encoding in zip(batch, encodings, strict=True):
                found[text].extend(encoding.ids)
        return found

    def places(
        self, text: str, ids: Sequence[int] | NDArray[np.integer], first: int | None = None
    ) -> NDArray[np.int64]:
        """Where each token starts and ends in `text`, in characters, shape (tokens, 2); both never fall.

        `ids`: what the method of that name gives for `text`. `first`: the places of so many tokens are enough, which is
        quicker for a long text. Several tokens of one character have its place, each of them.
        """
        cleaned = clean(text)
        found: list[NDArray[np.int64]] = []
        if first is not None and _BEGINNING * first < len(cleaned):
            begun = self._reads.encode(cleaned[: _BEGINNING * first], add_special_tokens=False)
            if len(begun) > first and begun.ids[:first] == list(ids[:first]):
                found.append(np.array(begun.offsets, np.int64))
        if not found:
            start = 0
            for part in _slices(cleaned):
                encoding = self._reads.encode(part, add_special_tokens=False)
                found.append(np.array(encoding.offsets, np.int64).reshape(-1, 2) + start)
                start += len(part)
        places = np.maximum.accumulate(np.concatenate(found), axis=0)
        if len(cleaned) == len(text):
            return places
        joined = np.array([pair.start() for pair in _PAIR.finditer(text)]) - np.arange(len(text) - len(cleaned))
        return places + np.searchsorted(joined, places)

    def beginning(self, text: str, tokens: int) -> str:
        """`text` where it has so many tokens at most, else what its first `tokens` say.

        A character of several tokens may be cut in two; what is left of it is U+FFFD then.
        """
        (found,) = self.ids([text])
        if len(found) <= tokens:
            return text
        return str(self._tokenizer.decode(found[:tokens], skip_special_tokens=False))

    def special_tokens(self) -> dict[str, int]:
        """Every special token with its id."""
        added = self._tokenizer.get_added_tokens_decoder()
        return {token.content: id_ for id_, token in added.items() if token.special}

    def find(self, token: str) -> int | None:
        """The id of a token of the vocabulary, special or not; None where it has none of that name."""
        found = self._tokenizer.token_to_id(token)
        return None if found is None else int(found)

    def special(self, token: str) -> int:
        """The id of a special token. Raises `ModelLoadError` if the vocabulary lacks it."""
        found = self._tokenizer.token_to_id(token)
        if found is None:
            size = self._tokenizer.get_vocab_size()
            raise ModelLoadError(
                f"The tokenizer's vocabulary of {size} tokens has no {token!r}: it is not the tokenizer that this "
                "model was trained with. Fetch the model's files again."
            )
        return int(found)


def _without_specials(tokenizer: Tokenizer) -> Tokenizer:
    """One that cannot make a special token of a text: the same where its model cannot, as byte pairs' cannot.

    Unigram has special tokens among its pieces, and finds them in a text by itself whatever the tokenizer around it
    leaves out. Here their pieces have a space in them, which no text has once it is split at white space.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import Unigram

    if not isinstance(tokenizer.model, Unigram):
        return tokenizer
    described = json.loads(tokenizer.to_str())
    pieces, added = described["model"]["vocab"], described["added_tokens"]
    within = [token for token in added if token["special"] and token["id"] < len(pieces)]
    for token in within:
        pieces[token["id"]][0] = f"{token['content']} {token['content']}"
    described["added_tokens"] = [token for token in added if token not in within]
    made: Tokenizer = Tokenizer.from_str(json.dumps(described))
    made.encode_special_tokens = True
    return made


def clean(text: str) -> str:
    """`text` as UTF-8 can carry it: surrogate pairs are joined, lone surrogates become U+FFFD."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def cut(length: int, room: int, limits: Limits) -> list[slice]:
    """The spans of a document of `length` tokens that are read when `room` tokens are free for it.

    One span unless the policy is "chunk": then windows of `room`, each starting min(overlap, room // 4) before the end
    of the one before, the last one being the last `room` tokens (as jina-reranker-v2 does). Raises `InputError` under
    policy "error" when the document is longer than `room`, and under any policy when `room` is less than 1.
    """
    _require_room(room)
    if length <= room:
        return [slice(0, length)]
    if limits.policy == "error":
        raise InputError(
            f"A document has {length} tokens, and {room} are free for it. Shorten it, raise max_tokens, or choose "
            'policy="truncate" or policy="chunk".'
        )
    if limits.policy == "truncate":
        return [slice(0, room)]
    step = room - min(limits.overlap, room // 4)
    starts = [*range(0, length - room, step), length - room]
    return [slice(start, start + room) for start in starts]


def reference_cut(query_length: int, document_length: int, room: int) -> tuple[int, int]:
    """How many tokens of query and document are kept when the longer of the two is cut first ("longest_first").

    The arithmetic of Hugging Face's tokenizers, on which cross-encoders were trained: the longer one shrinks down to
    the shorter, then both share `room` evenly and the odd token goes to the longer one, to the document where they are
    equally long. Raises `InputError` when `room` is less than 1.
    """
    _require_room(room)
    if query_length + document_length <= room:
        return query_length, document_length
    shorter = min(query_length, document_length)
    longer = max(shorter, room - shorter)
    if shorter + longer > room:
        shorter = room // 2
        longer = room - shorter
    return (longer, shorter) if query_length > document_length else (shorter, longer)


def aggregate(logits: Sequence[float], how: Aggregate, best: int = 3) -> float:
    """One document's logit from those of its chunks, in reading order. Raises `InputError` for an unknown `how`.

    "max": the best chunk's; "mean": the mean; "first": the first's; "mean-best": the mean of the `best` best, of all
    where there are fewer; "decay": with the best first, the sum of l[i] / 2**i, divided by that of 1 / 2**i, so that it
    keeps the logits' scale and chunks count half as much as the next better ones.
    """
    _require_one_of("aggregate", how, get_args(Aggregate))
    if how == "first":
        return float(logits[0])
    ordered = sorted(map(float, logits), reverse=True)
    if how == "max":
        return ordered[0]
    if how == "decay":
        weights = [0.5**i for i in range(len(ordered))]
        return math.fsum(w * x for w, x in zip(weights, ordered, strict=True)) / math.fsum(weights)
    counted = ordered[:best] if how == "mean-best" else ordered
    return math.fsum(counted) / len(counted)


def _batches(texts: Iterable[str]) -> Iterator[list[tuple[int, str]]]:
    """Slices of all texts with the position of their text, in order, in batches of about `_BATCH` characters."""
    batch: list[tuple[int, str]] = []
    characters = 0
    for position, text in enumerate(texts):
        for part in _slices(clean(text)):
            batch.append((position, part))
            characters += len(part) + 1
            if characters >= _BATCH:
                yield batch
                batch, characters = [], 0
    if batch:
        yield batch


def _slices(text: str) -> Iterator[str]:
    """`text` in parts of at most `_SLICE` characters; all but the first start with white space where there is any."""
    start = 0
    while len(text) - start > _SLICE:
        end = _break(text, start, start + _SLICE)
        yield text[start:end]
        start = end
    yield text[start:]


def _break(text: str, start: int, end: int) -> int:
    """Where to cut before `end`: in front of the last single space, else of the last white space, else at `end`.

    The space goes with the word behind it, as byte-level and SentencePiece vocabularies have it; they also join runs of
    white space into tokens, so a single space is the surest place. Only the white space that every tokenizer
    takes for such counts: others delete U+001C, or keep U+00A0 within a word.
    """
    for pattern in (_LAST_LONE_SPACE, _LAST_SPACE):
        found = pattern.match(text, start, end + 1)
        if found is not None:
            return found.end()
    return end


def _require_room(room: int) -> None:
    if room < 1:
        raise InputError(
            f"The query and the instruction leave {room} tokens for the document. Shorten them, or raise max_tokens."
        )


def _require_one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InputError(f"{name}={value!r} is not known; choose one of {', '.join(map(repr, allowed))}.")


def _require_at_least(name: str, value: object, least: int, otherwise: str = "") -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(f"{name}={value!r} cannot be used; give a whole number from {least} up{otherwise}.")
