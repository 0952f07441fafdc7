"""A recipe's prompt as token ids: what stands before a document, the document, and what stands behind it.

Knows text and tokens; nothing of limits, weights and graphs. The ids are those of the authors' whole strings: a
tokenizer joins the end of a prompt's text and the start of a document (" word", ".\\n"), so the two are never tokenised
apart. Special tokens are where text is split before anything else: what stands before and behind one is by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from secondpass.models.prompt_recipe import PromptRecipe
from secondpass.text.encode import TextEncoder

Ids = NDArray[np.int64]

_FIELD = re.compile(r"\{(query|instruction|document)\}")
_DOCUMENT = "{document}"
_PROBES = (
    "a",
    "A",
    "1",
    ".",
    "(",
    " a",
    "\n",
    "日",
)  # beginnings of documents, which are joined to what is before them


@dataclass(frozen=True, slots=True)
class Parts:
    """One whole prompt: `head`, the document's own tokens, `tail`, each of shape (tokens,).

    A token that is made of the document and of what is around it is the document's.
    """

    head: Ids
    document: Ids
    tail: Ids

    def __len__(self) -> int:
        return len(self.head) + len(self.document) + len(self.tail)


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt for one query, but for the document.

    `before` and `after`: the text that is tokenised together with the document. `head` and `tail`: all that stands
    before and behind a document, tokenised without one, which end and begin with the `before_ids` and `after_ids` last
    and first tokens. `shared`: how many tokens of `head` the prompts of nearly all documents begin with. `opening` and
    `closing`: how many tokens the segments before and behind the document's own have.
    """

    before: str
    after: str
    head: Ids
    tail: Ids
    before_ids: int
    after_ids: int
    shared: int
    opening: int
    closing: int


class PromptEncoder:
    """Fills in a recipe's prompt. Names of special tokens in a query, an instruction or a document are plain text."""

    def __init__(self, recipe: PromptRecipe, encoder: TextEncoder) -> None:
        """`encoder` reads special tokens as text. Raises `ModelLoadError` where the vocabulary lacks the first one."""
        self._recipe = recipe
        self._encoder = encoder
        self._specials = encoder.special_tokens()
        names = sorted(map(re.escape, self._specials), key=len, reverse=True)
        self._split = re.compile(f"({'|'.join(names)})" if names else "((?!))")
        first = (recipe.plain or recipe.instructed)[0]
        if not _FIELD.search(first) and first == first.strip() and " " not in first:
            encoder.special(first)

    def ask(self, query: str, instruction: str = "") -> Question:
        """The prompt for a query; `instruction` is "" where there is none or it was joined to the query."""
        fields = {"query": query, "instruction": instruction}
        segments = self._segments(instruction)
        place = _document_place(segments)
        opening, closing = (self._ids(side, fields) for side in (segments[:place], segments[place + 1 :]))
        runs = self._split.split(segments[place])
        middle = _document_place(runs)
        before, after = (_fill(side, fields) for side in runs[middle].split(_DOCUMENT))
        lead, trail = opening + self._ids(runs[:middle], fields), self._ids(runs[middle + 1 :], fields) + closing
        before_ids, after_ids, *probes = self._encoder.ids([before, after, *(before + probe for probe in _PROBES)])
        return Question(
            before=before,
            after=after,
            head=_array(lead + before_ids),
            tail=_array(after_ids + trail),
            before_ids=len(before_ids),
            after_ids=len(after_ids),
            shared=len(lead) + _shared(_array(before_ids), map(_array, probes)),
            opening=len(opening),
            closing=len(closing),
        )

    def parts(self, question: Question, documents: Sequence[str]) -> list[Parts]:
        """Each document's prompt."""
        texts = [f"{question.before}{document}{question.after}" for document in documents]
        return [_parts(question, _array(ids)) for ids in self._encoder.ids(texts)]

    def segments(self, query: str, instruction: str, document: str) -> tuple[list[int], ...]:
        """A prompt's segments as the authors' code tokenises them: a special token's name is one wherever it stands."""
        fields = {"query": query, "instruction": instruction, "document": document}
        return tuple(self._ids([_fill(segment, fields)], {}) for segment in self._segments(instruction))

    def end(self, instruction: str) -> list[int]:
        """The tokens that a prompt ends in whatever query and document are, as sentence-transformers finds them."""
        one, other = (_array(list(chain(*self.segments(text, instruction, text)))) for text in ("0", "1 2 3 4"))
        length = _common(one[::-1], other[::-1])
        return one[len(one) - length :].tolist() if length < min(len(one), len(other)) else []

    def _segments(self, instruction: str) -> tuple[str, ...]:
        return self._recipe.instructed if instruction and self._recipe.instructed else self._recipe.plain

    def _ids(self, texts: Sequence[str], fields: Mapping[str, str]) -> list[int]:
        """The ids of texts whose special tokens are meant as such, one after the other, with fields filled in."""
        return [id_ for text in texts for run in self._split.split(text) for id_ in self._run(run, fields)]

    def _run(self, run: str, fields: Mapping[str, str]) -> list[int]:
        """The ids of a text between special tokens, or of one of them."""
        return [self._specials[run]] if run in self._specials else self._encoder.ids([_fill(run, fields)])[0]


def _document_place(texts: Sequence[str]) -> int:
    return next(place for place, text in enumerate(texts) if _DOCUMENT in text)


def _fill(text: str, fields: Mapping[str, str]) -> str:
    """`text` with the fields that `fields` names, each once: what is filled in is not looked at again."""
    return _FIELD.sub(lambda found: fields.get(found[1], found[0]), text)


def _parts(question: Question, ids: Ids) -> Parts:
    """`ids`, of the text around a document and the document itself, split and put between the rest of the prompt."""
    lead = len(question.head) - question.before_ids
    start = _common(question.head[lead:], ids)
    after = question.tail[: question.after_ids]
    end = min(_common(after[::-1], ids[::-1]), len(ids) - start)
    trail = question.tail[question.after_ids :]
    return Parts(
        head=np.concatenate((question.head[:lead], ids[:start])),
        document=ids[start : len(ids) - end],
        tail=np.concatenate((ids[len(ids) - end :], trail)),
    )


def _shared(before: Ids, probes: Iterable[Ids]) -> int:
    """How many tokens of `before` no document is expected to change: its last one may become part of a word."""
    return max(min(len(before) - 1, *(_common(before, probe) for probe in probes)), 0)


def _common(one: Ids, other: Ids) -> int:
    """With how many equal tokens the two begin."""
    length = min(len(one), len(other))
    different = np.flatnonzero(one[:length] != other[:length])
    return int(different[0]) if len(different) else length


def _array(ids: Sequence[int]) -> Ids:
    return np.array(ids, dtype=np.int64)
