"""What is asked, whatever the dialect, and what is answered: values that pass between dialects and models.

Knows neither HTTP nor any dialect's names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from secondpass.types import AnyDocument, Document, Hit, Rule, Stage, text_of

OnDeadline = Literal["degraded", "error"]
Wanted = Literal["logit", "probability", "tokens", "truncated", "chunks", "span", "signals", "rules", "stages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """What our own field `secondpass` asks beyond the dialect. `wanted` is its `return`.

    `instruction` and `priority` go before the dialect's own. `metadata`: one mapping a document, or None, for rules and
    signals. `budget_ms` counts from when ranking begins, `deadline_ms` from when the request came in.
    """

    instruction: str | None = None
    rules: bool = True
    signals: str | None = None
    now: str | None = None
    cascade: str | None = None
    metadata: Sequence[Mapping[str, Any] | None] | None = None
    budget_ms: float | None = None
    deadline_ms: float | None = None
    on_deadline: OnDeadline = "degraded"
    priority: int | None = None
    wanted: tuple[Wanted, ...] = ()


@dataclass(frozen=True, slots=True)
class Spans:
    """That the best passages are wanted: those from `threshold` up, `most` of them at most (None for all)."""

    threshold: float = 0.1
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request.

    `documents` are what is ranked, `given` the same as the client sent them. `queries`: one a document where each has
    its own; `query` is left aside then. `model` and `top_n` None: the default, and all. `fields`: metadata to read
    along with the text. `returns`: whether documents come back. `raw`: scores are logits. `priority`: the higher goes
    first. `echo`: what only the dialect's own answer needs.
    """

    query: str
    documents: tuple[AnyDocument, ...]
    given: tuple[Any, ...]
    queries: tuple[str, ...] | None = None
    model: str | None = None
    instruction: str | None = None
    top_n: int | None = None
    fields: tuple[str, ...] = ()
    returns: bool = False
    raw: bool = False
    spans: Spans | None = None
    priority: int = 0
    extension: Extension | None = None
    echo: Mapping[str, Any] = field(default_factory=dict)

    @property
    def more(self) -> Extension:
        """The extension, with its defaults where there is none."""
        return self.extension or Extension()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer: `hits`, best first, by the served `model`.

    `query_tokens`: of one query, or of all where each document has its own. `tokens`: what is billed, all documents'
    tokens before any cut, and the query's once a document. `created`: seconds since 1970. `seconds` it took to rank.
    """

    asked: Asked
    id: str
    model: str
    hits: tuple[Hit, ...]
    query_tokens: int
    tokens: int
    created: int
    seconds: float
    degraded: bool = False
    rules: tuple[Rule, ...] = ()
    stages: tuple[Stage, ...] = ()

    @property
    def searches(self) -> int:
        """Search units: one for every hundred documents begun."""
        return -(-len(self.asked.documents) // 100)

    @property
    def in_order(self) -> list[Hit]:
        """The hits in the order of the documents."""
        return sorted(self.hits, key=lambda hit: hit.index)

    def score(self, hit: Hit) -> float:
        """The score in [0, 1], or the logit where raw scores were asked for."""
        return hit.logit if self.asked.raw else hit.score

    def given(self, hit: Hit) -> Any:
        """The document as it was sent."""
        return self.asked.given[hit.index]

    def text(self, hit: Hit) -> str:
        """The document's text alone."""
        given = self.given(hit)
        if isinstance(given, str):
            return given
        found = text_of(given) if isinstance(given, Mapping) else None
        return hit.text if found is None else found

    def object(self, hit: Hit) -> dict[str, Any]:
        """The document as a mapping that has its text under `text`."""
        given = self.given(hit)
        return {**(given if isinstance(given, Mapping) else {}), "text": self.text(hit)}


def with_metadata(document: AnyDocument, metadata: Mapping[str, Any] | None) -> AnyDocument:
    """The document with more metadata, which goes before its own; a record without a text gains the fields."""
    if not metadata:
        return document
    if isinstance(document, str):
        return Document(document, metadata=dict(metadata))
    if isinstance(document, Document):
        return Document(document.text, document.id, document.title, {**document.metadata, **metadata})
    own = document.get("metadata")
    return {**document, "metadata": {**(own if isinstance(own, Mapping) else {}), **metadata}}
