"""The models that are served, and one request's way through one of them.

Knows rerankers and the internal request; nothing of HTTP and dialects. Everything here may be called from any thread.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from secondpass.engine.cache import ScoreCache
from secondpass.errors import Cancelled, DeadlineExceeded, InputError, UnknownModel
from secondpass.ranking.cascade import Cascade
from secondpass.ranking.cascade_name import CascadeName
from secondpass.ranking.load import Options, open_named
from secondpass.ranking.reranker import Reranker
from secondpass.ranking.signals.parse import signals
from secondpass.server.admission import BYTES_A_TOKEN
from secondpass.server.asked import Asked, Extension
from secondpass.server.problem import Refused
from secondpass.server.settings import ModelSetting, Settings
from secondpass.types import Hit, Ranking, Rule, Spent, Stage

_MOST_CASCADES = 16
"""Cascades that requests made, kept because each learns how fast its stages are here."""

_LEAST_MS = 0.001


@dataclass(frozen=True, slots=True)
class Served:
    """A model under the alias that clients know."""

    alias: str
    name: str
    reranker: Reranker


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """What came of a request: `hits`, best first, `tokens` as in `Answered`, and where the time went, if known."""

    model: str
    hits: tuple[Hit, ...]
    query_tokens: int
    tokens: int
    degraded: bool
    rules: tuple[Rule, ...]
    stages: tuple[Stage, ...]
    spent: Spent | None


class Models:
    """Loads the models of the settings, and finds them by alias."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._served: dict[str, Served] = {}
        self._cascades: OrderedDict[str, Served] = OrderedDict()
        self._lock = Lock()
        self._opened = ExitStack()
        self.cache = ScoreCache(settings.cache_mb * 2**20) if settings.cache_mb else None

    def load(self) -> None:
        """Open every model and have it rank once. Raises what `secondpass.load` does."""
        for setting in self._settings.models:
            reranker = self._opened.enter_context(self._open(setting))
            reranker.cache = self.cache
            reranker.warm_up()
            self._served[setting.alias] = Served(setting.alias, setting.name, reranker)

    def close(self) -> None:
        """Close every model."""
        self._opened.close()

    @property
    def served(self) -> tuple[Served, ...]:
        """All of them, in the order of the settings."""
        return tuple(self._served.values())

    @property
    def default(self) -> Served:
        """The one that answers where no other is meant."""
        return self._served[self._settings.default]

    def named(self, name: str | None) -> Served:
        """The model of that alias or name; else the default. Raises `UnknownModel` where names are taken strictly."""
        if name is None:
            return self.default
        for served in self._served.values():
            if name in (served.alias, served.name):
                return served
        if self._settings.strict_models:
            raise UnknownModel(f"No model of that name is served: choose one of {', '.join(self._served)}.")
        return self.default

    def rank(self, asked: Asked, until: float | None, gone: Callable[[], bool]) -> Ranked:
        """Rank one request; `until`, by `time.monotonic()`, is its deadline.

        Raises `Refused` and other `InputError`s, `UnknownModel`, `Overloaded`, `DeadlineExceeded` where the request
        wants that instead of a degraded answer, `Cancelled`, and `ModelError`.
        """
        self._check(asked)
        more = asked.more
        served = self.named(asked.model) if more.cascade is None else self._cascade(more.cascade)
        reranker = served.reranker if more.signals is None else served.reranker.with_signals(*signals(more.signals))
        if asked.queries is not None:
            rankings, groups = _by_query(reranker, asked, until, gone)
        else:
            everything = range(len(asked.documents))
            rankings, groups = [_ranking(reranker, asked, asked.query, everything, until, gone)], [everything]
        _in_time(rankings, more)
        return _ranked(served, rankings, groups, asked.top_n)

    def _check(self, asked: Asked) -> None:
        """Before anything is tokenised."""
        documents, most = len(asked.documents), self._settings.max_documents
        if documents > most:
            raise Refused(f"{documents} documents: this server takes {most} in one request.", "documents")
        read = len(asked.query.encode("utf-8", "replace")) * documents + sum(map(_size, asked.documents))
        tokens, most = read // BYTES_A_TOKEN, self._settings.max_request_tokens
        if tokens > most:
            raise Refused(
                f"About {tokens} tokens, the query's once a document: this server takes {most} in one request.",
                "documents",
                413,
            )

    def _open(self, setting: ModelSetting) -> Reranker:
        own = self._settings
        common = {
            "backend": own.backend,
            "precision": own.precision,
            "device": own.device,
            "policy": own.policy,
            "max_tokens": own.max_tokens,
        }
        try:
            options = Options(**{**common, **setting.options})
        except TypeError as error:
            raise InputError(f"models.{setting.alias}: {error}. It takes what secondpass.load does.") from error
        return open_named(setting.name, options)

    def _cascade(self, text: str) -> Served:
        """A cascade of served models, as a request wants it."""
        parsed = CascadeName.parse(text)
        unknown = [stage for stage in parsed.stages if stage not in self._served]
        if unknown:
            raise Refused(
                f"secondpass.cascade: its stages are models that are served: {', '.join(self._served)}.",
                "secondpass.cascade",
            )
        with self._lock:
            if str(parsed) not in self._cascades:
                cascade = Cascade([self._served[stage].reranker for stage in parsed.stages], parsed.keep)
                self._cascades[str(parsed)] = Served(str(parsed), str(parsed), cascade)
                if len(self._cascades) > _MOST_CASCADES:
                    self._cascades.popitem(last=False)
            self._cascades.move_to_end(str(parsed))
            return self._cascades[str(parsed)]


def _ranking(
    reranker: Reranker,
    asked: Asked,
    query: str,
    positions: Sequence[int],
    until: float | None,
    gone: Callable[[], bool],
) -> tuple[Ranking, int]:
    """The ranking of the documents at `positions`, and the query's tokens."""
    more = asked.more
    if gone():
        raise Cancelled("Whoever asked for this ranking is gone: it was not begun.")
    ranking = reranker.rank(
        query,
        [asked.documents[at] for at in positions],
        instruction=asked.instruction,
        fields=asked.fields,
        now=more.now,
        rules=more.rules,
        budget_ms=_budget(more, until),
        priority=asked.priority,
        gone=gone,
        progress=False,
    )
    return ranking, reranker.count_tokens(query)


def _by_query(
    reranker: Reranker, asked: Asked, until: float | None, gone: Callable[[], bool]
) -> tuple[list[tuple[Ranking, int]], list[Sequence[int]]]:
    """A ranking for each of the different queries, with the positions of its documents."""
    at: dict[str, list[int]] = {}
    for position, query in enumerate(asked.queries or ()):
        at.setdefault(query, []).append(position)
    rankings = [_ranking(reranker, asked, query, positions, until, gone) for query, positions in at.items()]
    return rankings, list(at.values())


def _budget(more: Extension, until: float | None) -> float | None:
    """Milliseconds from now on. Raises `DeadlineExceeded` where none is left and that is to be an error."""
    if until is None:
        return more.budget_ms
    left = (until - time.monotonic()) * 1000
    if left <= 0 and more.on_deadline == "error":
        raise _late()
    return max(_LEAST_MS, left if more.budget_ms is None else min(left, more.budget_ms))


def _in_time(rankings: Sequence[tuple[Ranking, int]], more: Extension) -> None:
    if more.on_deadline == "error" and any(stage.stopped == "time" for one, _ in rankings for stage in one.stages):
        raise _late()


def _late() -> DeadlineExceeded:
    return DeadlineExceeded("The deadline passed before all was read: give it more time, or fewer documents.")


def _ranked(
    served: Served, rankings: Sequence[tuple[Ranking, int]], groups: Sequence[Sequence[int]], top_n: int | None
) -> Ranked:
    hits = [
        replace(hit, index=positions[hit.index])
        for (ranking, _), positions in zip(rankings, groups, strict=True)
        for hit in ranking
    ]
    if len(rankings) > 1:
        hits.sort(key=lambda hit: (-hit.logit, hit.index))
    queries = sum(tokens for _, tokens in rankings)
    billed = sum(hit.tokens for hit in hits) + sum(
        tokens * len(positions) for (_, tokens), positions in zip(rankings, groups, strict=True)
    )
    last = rankings[-1][0]
    return Ranked(
        model=served.alias,
        hits=tuple(hits[:top_n]),
        query_tokens=queries,
        tokens=billed,
        degraded=any(ranking.degraded for ranking, _ in rankings),
        rules=last.rules,
        stages=last.stages,
        spent=last.spent if len(rankings) == 1 else None,
    )


def _size(document: Any) -> int:
    """About how many bytes of text a document has."""
    if isinstance(document, str):
        return len(document)
    if isinstance(document, Mapping):
        return sum(len(str(value)) for value in document.values())
    return len(document.text)
