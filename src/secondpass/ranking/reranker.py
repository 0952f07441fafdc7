"""The reranker: what callers hold. It checks what they gave, has it scored, and puts the best on top.

Knows scorers by their contracts alone, never a model or a backend by name.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from itertools import compress
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import Capabilities
from secondpass.engine.cache import ScoreCache
from secondpass.engine.engine import Engine
from secondpass.errors import InputError, ModelError
from secondpass.models.scorer import Declared, ListScorer, PairScorer, TokenCounter, activate, bounded
from secondpass.ranking.bulk import Paired, each
from secondpass.ranking.calibration import Calibration
from secondpass.ranking.calibration.calibration import list_scorer
from secondpass.ranking.candidates import Signal
from secondpass.ranking.composite import Composite
from secondpass.ranking.glossed import Reader
from secondpass.ranking.moves import Moved, moved
from secondpass.ranking.outcome import Scored, broken, not_finite
from secondpass.ranking.pace import Pace
from secondpass.ranking.pairs import Pairs
from secondpass.ranking.passages import read_of
from secondpass.ranking.progress import Bar
from secondpass.ranking.request import Now, Request, called_in, check_cutoffs, moment_of
from secondpass.ranking.signals.blend import Blend
from secondpass.text.encode import Limits
from secondpass.text.glossary import Glossary, built_in
from secondpass.text.render import render
from secondpass.types import AnyDocument, Document, Hit, Ranking

Scores = NDArray[np.float32]

BYTES_A_TOKEN = 4
"""About what a token has in most texts, where no tokenizer is there to count."""

_WARM_UP = "A passage of some length, as passages are, about what a first stage may have found for a query. " * 4


class Reranker:
    """Ranks documents for a query with one model.

    Safe to use from several threads, survives a fork, and closes (`with secondpass.load() as reranker`). `name`: the
    model's; `declared`: what it can; `limits`: how long inputs are dealt with; `capabilities`: the backend and why it
    was chosen, None for models that compute without one; `calibration`: what makes probabilities of its logits, if any;
    `cache`: where scores are remembered from one call to the next, None, as at first, for nowhere; `glossary`:
    the words by which a model that reads English alone reads other languages, None for none; `pace`: how fast it is
    here, as every call teaches.
    """

    def __init__(
        self,
        scorer: PairScorer | ListScorer | Composite,
        *,
        limits: Limits | None = None,
        capabilities: Capabilities | None = None,
        calibration: Calibration | None = None,
        renderer: int | None = None,
    ) -> None:
        self._scorer = scorer
        self._renderer = renderer
        self.limits = limits or Limits()
        self.capabilities = capabilities
        self.calibration = calibration
        self.cache: ScoreCache | None = None
        self.glossary: Glossary | None = built_in()
        self.pace = Pace(_longest(self.declared, self.limits))
        self._signals: tuple[Signal | Blend, ...] = ()
        self._engine = Engine(streams=capabilities.streams, budget=capabilities.budget) if capabilities else Engine()

    @property
    def declared(self) -> Declared:
        """What the model declares about itself, with the renderer that is used."""
        own = self._scorer.declared
        if self._renderer in (None, own.renderer):
            return own
        return replace(own, renderer=self._renderer, version=f"{own.version} read as renderer@{self._renderer}")

    @property
    def pointwise(self) -> bool:
        """Whether a document's logit is the same alone and among any others."""
        return isinstance(self._scorer, PairScorer) and not self._signals

    @property
    def name(self) -> str:
        """The model's name."""
        return self.declared.name

    def rank(
        self,
        query: str,
        documents: Iterable[AnyDocument],
        *,
        instruction: str | None = None,
        top_n: int | None = None,
        min_score: float | None = None,
        fields: Sequence[str] = (),
        now: Now = None,
        rules: bool = True,
        budget_ms: float | None = None,
        priority: int = 0,
        gone: Callable[[], bool] | None = None,
        progress: bool | None = None,
    ) -> Ranking:
        """Rank `documents` for `query`, best first; equal logits keep the given order.

        `instruction` says what else matters, in words. What it says of time, source, type, version and language is
        applied as rules on top of the model, if `rules`, and comes back as `Ranking.rules`; the model reads the rest.
        `now`: the day that dates are held against, the present one for None. `top_n` and `min_score` (in [0, 1]) leave
        the rest out; without them every document comes back. `fields` names metadata to read along with the text.
        `budget_ms`: the time that the ranking may take; what could not be read by then comes last, in the order given
        or in that of an earlier stage of a `Cascade`, and the ranking is marked as degraded. `priority`: the higher
        goes first where several threads rank; `gone`: whether nobody waits for the answer any more, asked often, from
        any thread: the work is then given up. `progress`: a bar always (True), never (False), or in a terminal once the
        work proves long (None). Raises `InputError`, `Overloaded` and `Cancelled`.
        """
        began = time.monotonic()
        check_cutoffs(top_n, min_score)
        request = self._request(query, documents, instruction, fields=fields, now=now, rules=rules)
        until = moment_of(began, budget_ms)
        settling = None if self._signals or request.understood else top_n  # what moves logits may move the top
        request = replace(request, top_n=settling, until=until, priority=priority, gone=gone)
        (scored,) = self._score([request], progress)
        return self._ranking(request, scored, top_n, min_score)

    def rank_many(
        self,
        queries: Sequence[str],
        candidate_lists: Sequence[Iterable[AnyDocument]],
        *,
        instructions: Sequence[str | None] | None = None,
        top_n: int | None = None,
        min_score: float | None = None,
        fields: Sequence[str] = (),
        now: Now | Sequence[Now] = None,
        rules: bool = True,
        progress: bool | None = None,
    ) -> list[Ranking]:
        """Rank a list of candidates for each query; batches are shared across queries.

        `now` is one day for all, or a list with one a query. Raises `InputError`.
        """
        check_cutoffs(top_n, min_score)
        requests = [
            self._numbered(number, one.query, one.documents, one.instruction, fields=fields, now=one.now, rules=rules)
            for number, one in enumerate(each(queries, candidate_lists, instructions, now))
        ]
        scored = self._score(requests, progress)
        return [self._ranking(r, s, top_n, min_score) for r, s in zip(requests, scored, strict=True)]

    async def arank(self, query: str, documents: Iterable[AnyDocument], **options: Any) -> Ranking:
        """`rank` without holding up the event loop; takes the same options."""
        return await asyncio.to_thread(self.rank, query, documents, **options)

    def score(
        self,
        query: str,
        documents: Iterable[AnyDocument],
        *,
        instruction: str | None = None,
        fields: Sequence[str] = (),
        now: Now = None,
        rules: bool = True,
        progress: bool | None = None,
    ) -> Scores:
        """Scores in [0, 1], float32, shape (n,), in the order of `documents`; arguments as in `rank`."""
        request = self._request(query, documents, instruction, fields=fields, now=now, rules=rules)
        (scored,) = self._score([request], progress)
        return bounded(self._moved(request, scored).scored, self.declared.activation, self.declared.scale)

    def ranked(self, request: Request) -> Ranking:
        """What a composite asks of its parts: a ranking without the rules, documents rendered in their own way."""
        own = request.for_part(self.declared.renderer)
        (scored,) = self._read([own], progress=False)
        read = np.flatnonzero(~np.isnan(scored.logits)).tolist()
        if len(read) == len(scored.logits):
            return self._ranking(own, scored, None, None)
        ranking = self._ranking(own.of_documents(read), scored.of(read), None, None)
        return replace(ranking, hits=tuple(replace(hit, index=read[hit.index]) for hit in ranking))

    def predict(
        self,
        pairs: Sequence[Any],
        *,
        prompt: str | None = None,
        activation_fn: Callable[[Scores], Any] | None = None,
        batch_size: int | None = None,
        show_progress_bar: bool | None = None,
    ) -> Any:
        """What `CrossEncoder.predict` returns for (query, document) pairs: float32, shape (n,); a number for one pair.

        The model's own activation applies, as its authors configured it, or `activation_fn` of the logits (float32,
        shape (n,)). `prompt` is the instruction. `batch_size` is taken for compatibility and changes nothing: batches
        are packed by tokens. Raises `InputError`.
        """
        given = Paired.of(pairs)
        requests = [
            self._request(query, [given.documents[i] for i in at], prompt, rules=False, called=called_in(at))
            for query, at in given.positions.items()
        ]
        logits = np.empty(len(given.documents), np.float32)
        for at, scored in zip(given.positions.values(), self._score(requests, show_progress_bar), strict=True):
            logits[at] = scored.logits
        scores = activate(logits, self.declared.activation) if activation_fn is None else activation_fn(logits)
        return scores[0] if given.single else scores

    def with_signals(self, *signals: Signal | Blend) -> Reranker:
        """The same model with `signals` on top, instead of those that it has; none takes them away.

        It shares threads and weights with this one: closing either closes both.
        """
        other = copy(self)
        other._signals = signals
        return other

    def with_renderer(self, renderer: int | None) -> Reranker:
        """The same model reading documents as another renderer writes them; None for its own way.

        It shares threads and weights with this one: closing either closes both. Raises `InputError`.
        """
        if renderer is not None:
            render("", version=renderer)
        other = copy(self)
        other._renderer = renderer
        return other

    def calibrate(self, calibration: Calibration | None) -> None:
        """Take another calibration, or none. Raises `InputError` where it is of another model's logits."""
        if isinstance(self._scorer, Composite):
            raise list_scorer(self.name)
        if calibration is not None:
            calibration.require(self._scorer)
        self.calibration = calibration

    def count_tokens(self, text: str) -> int:
        """How many tokens a query has for the model, special ones left aside; nothing is computed of it.

        A model whose tokenizer is not here (hosted ones), or that has none, counts four bytes as a token.
        """
        if isinstance(self._scorer, TokenCounter):
            return self._scorer.count_tokens(text)
        return -(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN)

    def warm_up(self) -> None:
        """Rank made-up documents, twice, so that the first budget is kept as well as later ones.

        What happens once is then done, the reading of instructions too, and how fast the model is here is known, or
        every stage of a `Cascade`. A hosted model is sent two requests. Raises what `rank` does.
        """
        documents = [Document(f"{n}: {_WARM_UP}", metadata={"published": "2026-01-01"}) for n in range(16)]
        for query, wish in (("what to warm up with first?", "The newest first."), ("what to warm up with next?", None)):
            self.rank(query, documents, instruction=wish, progress=False)

    def close(self) -> None:
        """Free threads and weights. Batches under way end first; a call that needs more fails with a `SecondpassError`.

        Closing twice does nothing.
        """
        self._engine.close()
        self._scorer.close()

    def __enter__(self) -> Reranker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Reranker({self.name!r}, {self.capabilities.name if self.capabilities else 'no backend'})"

    def _request(
        self,
        query: str,
        documents: Iterable[AnyDocument],
        instruction: str | None,
        **asked: Any,
    ) -> Request:
        return Request.of(query, documents, instruction=instruction, renderer=self.declared.renderer, **asked)

    def _numbered(self, number: int, *given: Any, **asked: Any) -> Request:
        """One request of many, whose messages say which."""
        called = f"queries[{number}]: documents[{{}}]".format
        try:
            return self._request(*given, called=called, **asked)
        except InputError as error:
            raise InputError(f"queries[{number}]: {error}") from error

    def _score(self, requests: Sequence[Request], progress: bool | None) -> list[Scored]:
        self._engine.require_open()
        if any(request.until is not None for request in requests):
            return [self._in_time.score_request(request) for request in requests]
        return self._read(requests, progress)

    @property
    def _in_time(self) -> Composite:
        """What keeps to a budget: a cascade does by itself, all else is the one stage of a cascade."""
        if isinstance(self._scorer, Composite) and self._scorer.keeps_time:
            return self._scorer
        from secondpass.ranking.cascade import CascadeScorer

        return CascadeScorer([self.with_signals()])  # which stand on top of the whole

    def _read(self, requests: Sequence[Request], progress: bool | None) -> list[Scored]:
        """Have each request scored, and learn how long that takes."""
        began = time.monotonic()
        found = self._scored(requests, progress)
        read = (
            text for r, one in zip(requests, found, strict=True) for text in compress(r.texts, one.logits == one.logits)
        )
        self.pace.learn(map(len, read), time.monotonic() - began)
        return found

    def _scored(self, requests: Sequence[Request], progress: bool | None) -> list[Scored]:
        scorer = self._scorer
        if isinstance(scorer, Composite):
            return [scorer.score_request(request) for request in requests]
        if isinstance(scorer, ListScorer):
            return [self._score_list(scorer, request) for request in requests]
        # Pieces are what gets done, and how many chunks there will be is not known ahead.
        total = None if self.limits.policy == "chunk" else sum(len(request.texts) for request in requests)
        with Bar(total, show=progress) as bar:
            pairs = Pairs(scorer, self._engine, self.limits, self.cache)

            def ask(asked: Sequence[Request]) -> list[Scored]:
                return pairs.score(asked, bar.advance, self._no_number)

            if self.glossary is None or "en" not in self.declared.languages:
                return ask(requests)
            return Reader(self.glossary, _longest(self.declared, self.limits)).read(requests, ask)

    def _score_list(self, scorer: ListScorer, request: Request) -> Scored:
        count = len(request.texts)
        if not count:
            return Scored(np.empty(0), [], [], [])
        listed = scorer.score(request.query, request.texts, request.left, self.limits)
        wrong = not_finite(listed.logits)
        if wrong is not None:
            raise self._no_number(request, wrong)
        logits = listed.logits.astype(np.float64)
        chunks = listed.chunks or [1] * count
        return Scored(logits, listed.tokens, listed.truncated, chunks, listed.degraded, listed.parts)

    def _no_number(self, request: Request, position: int) -> ModelError:
        precision = self.capabilities.precision if self.capabilities else ""
        return broken(request.called(position), self.name, precision)

    def _ranking(self, request: Request, scored: Scored, top_n: int | None, min_score: float | None) -> Ranking:
        after = self._moved(request, scored)
        scores = bounded(after.scored, self.declared.activation, self.declared.scale)
        order = np.argsort(-after.logits, kind="stable")[:top_n]
        probabilities = None if self.calibration is None else self.calibration.probability(scored.logits)
        hits = (
            Hit(
                index=int(i),
                score=float(scores[i]),
                logit=float(after.logits[i]),
                document=request.documents[i],
                tokens=scored.tokens[i],
                truncated=scored.truncated[i],
                chunks=scored.chunks[i],
                signals=_signals(scored, after, i),
                parts=scored.parts[i] if scored.parts else {},
                probability=None if probabilities is None or not scored.chunks[i] else float(probabilities[i]),
                **read_of(request.texts[i], scored, int(i), self.declared),
            )
            for i in order
            if min_score is None or scores[i] >= min_score
        )
        rules = request.understood.rules
        return Ranking(request.query, tuple(hits), self.name, scored.degraded, rules, scored.stages, scored.spent)

    def _moved(self, request: Request, scored: Scored) -> Moved:
        return moved(request, scored.logits, self.declared, self._signals)


def _signals(scored: Scored, after: Moved, position: int) -> Mapping[str, float]:
    """What moved a document's logit beside the model's reading of it as it is."""
    gain = scored.gloss[position] if scored.gloss else 0.0
    return {"gloss": gain} | dict(after.signals[position]) if gain else after.signals[position]


def _longest(declared: Declared, limits: Limits) -> int | None:
    """Characters that a model reads of a document at most, by five a token; None where it reads all."""
    tokens = limits.max_tokens or declared.max_tokens
    return None if tokens is None or limits.policy == "chunk" else 5 * tokens
