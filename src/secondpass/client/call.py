"""A ranking as a body of JSON, and the server's answer as a `Ranking`. Knows fields; nothing of HTTP and retries."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypedDict

from secondpass.errors import HostedAPIError, InputError
from secondpass.ranking.rules.rule import Rule
from secondpass.text.encode import clean
from secondpass.text.render import as_documents, as_query
from secondpass.types import AnyDocument, Document, Hit, Ranking, Stage

OnDeadline = Literal["degraded", "error"]

_RETURN = ("logit", "probability", "tokens", "truncated", "chunks", "span", "signals", "rules", "stages")


class Options(TypedDict, total=False):
    """What `rank` of a client takes beside the query and the documents; `Client.rank` says what each is."""

    model: str | None
    instruction: str | None
    top_n: int | None
    now: date | str | None
    rules: bool
    signals: str | None
    cascade: str | None
    budget_ms: float | None
    deadline_ms: float | None
    on_deadline: OnDeadline
    priority: int


@dataclass(frozen=True, slots=True)
class Call:
    """One ranking that is asked for. Raises `InputError` for what no server could use."""

    query: str
    documents: Sequence[AnyDocument]
    model: str | None = None
    instruction: str | None = None
    top_n: int | None = None
    now: date | str | None = None
    rules: bool = True
    signals: str | None = None
    cascade: str | None = None
    budget_ms: float | None = None
    deadline_ms: float | None = None
    on_deadline: OnDeadline = "degraded"
    priority: int = 0

    @classmethod
    def of(cls, query: str, documents: Iterable[AnyDocument], options: Options) -> Call:
        """The same, with the caller's query and documents checked."""
        return cls(as_query(query), as_documents(documents), **options)

    def __post_init__(self) -> None:
        for name in ("budget_ms", "deadline_ms", "top_n"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name}={value!r}: give more than 0, or None.")

    def body(self, left_ms: float | None) -> bytes:
        """The request; `left_ms` is what is left of the deadline. Raises `InputError` for what JSON cannot hold."""
        now = self.now.isoformat() if isinstance(self.now, date) else self.now
        more = {
            "instruction": self.instruction,
            "rules": self.rules,
            "now": now,
            "signals": self.signals,
            "cascade": self.cascade,
            "budget_ms": self.budget_ms,
            "deadline_ms": left_ms,
            "on_deadline": self.on_deadline,
            "priority": self.priority,
            "return": _RETURN,
        }
        body = {
            "model": self.model,
            "query": self.query,
            "documents": [_sent(at, document) for at, document in enumerate(self.documents)],
            "top_n": self.top_n,
            "secondpass": {name: value for name, value in more.items() if value is not None},
        }
        return clean(json.dumps(body, ensure_ascii=False, allow_nan=False)).encode()

    def ranking(self, answer: Any) -> Ranking:
        """What the server answered. Raises `HostedAPIError` for an answer that is no secondpass server's."""
        try:
            more = answer["secondpass"]
            scores = {row["index"]: row["relevance_score"] for row in answer["results"]}
            return Ranking(
                self.query,
                tuple(self._hit(row, scores[row["index"]]) for row in more["results"]),
                more["model"],
                degraded=more["degraded"],
                rules=tuple(_rule(row) for row in more["rules"]),
                stages=tuple(Stage(**row) for row in more["stages"]),
            )
        except (KeyError, TypeError, IndexError) as error:
            told = f"{type(error).__name__}: {error}"
            raise HostedAPIError(
                f"The answer is not one of a secondpass server of this release ({told}). Check base_url; other "
                "servers are asked with secondpass.load, such as load('cohere:MODEL', base_url=...)."
            ) from error

    def _hit(self, row: Mapping[str, Any], score: float) -> Hit:
        document, span = self.documents[row["index"]], row["span"] and (row["span"]["start"], row["span"]["end"])
        whole = not span or not isinstance(document, str) or span == (0, len(document))
        return Hit(
            index=row["index"],
            score=score,
            logit=row["logit"],
            document=document,
            tokens=row["tokens"],
            truncated=row["truncated"],
            chunks=row["chunks"],
            signals=row["signals"],
            probability=row["probability"],
            span=span,
            passage=None if whole else document[span[0] : span[1]],
        )


def _rule(row: Mapping[str, Any]) -> Rule:
    return Rule(**{**row, "values": tuple(row["values"]), "span": tuple(row["span"])})


def _sent(position: int, document: AnyDocument) -> Any:
    if isinstance(document, Document):
        named = {"id": document.id, "title": document.title, "text": document.text, "metadata": document.metadata}
        document = {name: value for name, value in named.items() if value}
        document.setdefault("text", "")
    return _plain(document, f"documents[{position}]")


def _plain(value: Any, place: str) -> Any:
    """The value in JSON's types: dates as ISO writes them, what is missing as null. Raises `InputError`."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(one, f"{place}.{name}") for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, f"{place}[{at}]") for at, one in enumerate(value)]
    if hasattr(value, "tolist"):  # numpy's numbers and arrays
        return _plain(value.tolist(), place)
    raise InputError(f"{place} is a {type(value).__name__}, which JSON has no form for: give text or a number.")
