"""The values that pass between layers: documents in, hits and rankings out. All are immutable."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Protocol, overload

from secondpass.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

TEXT_KEYS = ("text", "content", "page_content", "body")
"""A mapping with a string under one of these is a document; the first that has one is its text."""

_SNIPPET = 100


@dataclass(frozen=True, slots=True)
class Document:
    """A candidate: its text and, where known, an id, a title and metadata (any JSON-like mapping)."""

    text: str
    id: str | None = None
    title: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


def text_of(record: Mapping[str, Any]) -> str | None:
    """The text of a mapping that is a document; None for one that is a record."""
    return next((record[key] for key in TEXT_KEYS if isinstance(record.get(key), str)), None)


AnyDocument = str | Document | Mapping[str, Any]
"""What callers may pass as a document: text, a `Document`, or a mapping such as a function schema or a record."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk of a document: where it starts and ends in the text, in characters, and what the model made of it."""

    start: int
    end: int
    score: float
    logit: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One ranked document.

    `index` is its position in the caller's list. `logit` is what the ranking is sorted by, `score` the same in [0, 1]
    by the model's activation. `tokens` counts the document's tokens before any cut, `truncated` says whether some were
    not read, `chunks` how many pieces were. `signals`: what moved the logit beside the model, by how much; the model's
    own logit is the rest. `parts`: what each model of a hybrid or a cascade made of the document, as its own logit, by
    the model's name. `probability`: that the document is relevant, by the model alone, where it has a calibration.
    `duplicates`: the `index` of each that was left out for being all but the same (`ranking.duplicates.collapse`).

    `span`: where what was read starts and ends in the text that the model was given, in characters (code points), of
    several chunks the best one; None for models that do not say. `passage` is that part of the text where it is not all
    of it, `passages` every chunk in reading order, where there are several. The text is a string itself; what is made
    of other documents, `text.render.render` says.
    """

    index: int
    score: float
    logit: float
    document: AnyDocument
    tokens: int
    truncated: bool = False
    chunks: int = 1
    signals: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    probability: float | None = None
    duplicates: tuple[int, ...] = ()
    span: tuple[int, int] | None = None
    passage: str | None = None
    passages: tuple[Passage, ...] = ()

    @property
    def id(self) -> str | None:
        """The document's id, where it has one."""
        if isinstance(self.document, Document):
            return self.document.id
        if isinstance(self.document, Mapping):
            found = self.document.get("id", self.document.get("_id"))
            return None if found is None else str(found)
        return None

    @property
    def text(self) -> str:
        """The document's text; a mapping without one (see `TEXT_KEYS`) as Python writes it."""
        if isinstance(self.document, Document):
            return self.document.text
        if isinstance(self.document, Mapping):
            found = text_of(self.document)
            return str(dict(self.document)) if found is None else found
        return self.document

    def __getitem__(self, key: str) -> Any:
        """`hit["corpus_id"]`, `hit["score"]` and `hit["text"]`, for code written for `CrossEncoder.rank`."""
        return {"corpus_id": self.index, "score": self.score, "text": self.text}[key]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping; the document is left as the caller gave it, a `Document` as a mapping."""
        document: Any = self.document
        if isinstance(document, Document):
            given = document
            document = {"id": given.id, "title": given.title, "text": given.text, "metadata": dict(given.metadata)}
        return {
            "index": self.index,
            "score": self.score,
            "logit": self.logit,
            "tokens": self.tokens,
            "truncated": self.truncated,
            "chunks": self.chunks,
            "signals": dict(self.signals),
            "parts": dict(self.parts),
            "probability": self.probability,
            "duplicates": list(self.duplicates),
            "span": None if self.span is None else list(self.span),
            "passage": self.passage,
            "passages": [asdict(passage) for passage in self.passages],
            "document": document,
        }


class Rule(Protocol):
    """One thing that an instruction was understood to ask for; as text, a sentence that a person can check."""

    @property
    def kind(self) -> str: ...
    def to_dict(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage of a cascade did: how many documents it was `given`, how many it `read` and handed on (`kept`).

    `stopped`: why it did not read them all: "time" where the budget ended, "settled" where the best could not change
    any more, "failed: …"; None where it did.
    """

    model: str
    given: int
    read: int
    kept: int
    seconds: float
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """Where a call's time went, in seconds, and what was computed for it.

    `queued`: it had pieces waiting, and none was computed. `tokenising`: in the caller's iterator, which may be while
    others of its pieces are computed. `inferring`: at least one of its batches was computed. `batches` that it had rows
    in; `padded_tokens` and `real_tokens` of its own rows there.
    """

    queued: float
    tokenising: float
    inferring: float
    batches: int
    padded_tokens: int
    real_tokens: int

    def __add__(self, other: Spent) -> Spent:
        return Spent(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Ranking(Sequence[Hit]):
    """Hits, best first; equal logits keep the caller's order. Prints as a table in a terminal and in a notebook.

    `degraded`: something was left out, such as a model that failed. `rules`: what of the instruction was understood and
    applied on top of the model; the rest of it was left to the model. `stages`: what each stage of a cascade did.
    `spent`: where the engine's time went, None where none was needed.
    """

    query: str
    hits: tuple[Hit, ...]
    model: str
    degraded: bool = False
    rules: tuple[Rule, ...] = ()
    stages: tuple[Stage, ...] = ()
    spent: Spent | None = field(default=None, compare=False)

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> Ranking: ...
    def __getitem__(self, index: int | slice) -> Hit | Ranking:
        if isinstance(index, slice):
            return replace(self, hits=self.hits[index])
        return self.hits[index]

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping of the whole ranking."""
        return {
            "query": self.query,
            "model": self.model,
            "degraded": self.degraded,
            "rules": [dict(rule.to_dict()) for rule in self.rules],
            "stages": [asdict(stage) for stage in self.stages],
            "hits": [hit.to_dict() for hit in self.hits],
        }

    def fit(self, *, tokens: int) -> Ranking:
        """The best hits whose documents take at most `tokens` tokens together; one too long is passed over."""
        kept: list[Hit] = []
        for hit in self.hits:
            if hit.tokens <= tokens:
                kept.append(hit)
                tokens -= hit.tokens
        return replace(self, hits=tuple(kept))

    def above(self, probability: float) -> Ranking:
        """The hits that are relevant with at least this `probability`; needs a model with a calibration."""
        if any(hit.probability is None and hit.chunks for hit in self.hits):
            raise InputError(f"{self.model} has no calibration: give one to `load`, or cut with min_score.")
        return replace(self, hits=tuple(hit for hit in self.hits if (hit.probability or 0.0) >= probability))

    def __rich__(self) -> Table:
        from rich.markup import escape
        from rich.table import Table

        table = Table(title=escape(self._title()), title_justify="left", box=None, pad_edge=False)
        for column in _COLUMNS[:-1]:
            table.add_column(column, justify="right")
        table.add_column(_COLUMNS[-1], overflow="ellipsis", no_wrap=True)
        for row in self._rows():
            table.add_row(*(escape(cell) for cell in row))
        return table

    def __str__(self) -> str:
        rows = [_COLUMNS, *self._rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS) - 1)]
        lines = ["  ".join([*(cell.rjust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]) for row in rows]
        return "\n".join([self._title(), *lines])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{column}</th>" for column in _COLUMNS)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in self._rows())
        caption = f"<caption>{html.escape(self._title())}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _title(self) -> str:
        return f"{self.query} · {self.model}" + (" · degraded" if self.degraded else "")

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                str(rank),
                f"{hit.score:.4f}",
                str(hit.index),
                f"{hit.tokens}{'…' if hit.truncated else ''}",
                _snippet(hit.passage if hit.passages and hit.passage else hit.text),
            )
            for rank, hit in enumerate(self.hits, 1)
        ]


_COLUMNS = ("rank", "score", "index", "tokens", "text")


def _snippet(text: str) -> str:
    line = " ".join(text[: 4 * _SNIPPET].split())
    return line if len(line) <= _SNIPPET else line[: _SNIPPET - 1] + "…"
