"""The reranker: what callers hold. It checks what they gave, has it scored, and puts the best on top.

Knows scorers by their contracts alone, never a model or a backend by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import Capabilities
from secondpass.engine.engine import Engine
from secondpass.errors import InputError, ModelError
from secondpass.models.scorer import Declared, ListScorer, PairScorer, Piece, activate, bounded
from secondpass.ranking.outcome import Report, Scored, fold, not_finite
from secondpass.ranking.progress import Bar
from secondpass.ranking.request import Block, Called, Reader, Request, by_request, by_text
from secondpass.text.encode import Limits
from secondpass.text.render import as_documents, as_query
from secondpass.types import AnyDocument, Hit, Ranking

Scores = NDArray[np.float32]

_DAMAGED = "Its weights are damaged, or its graph is: fetch them again, or choose another model."
_REMEDIES = {
    "fp16": "fp16 overflows above 65,504: pass precision='bf16' or 'fp32'.",
    "bf16": f"Pass precision='fp32'. Where that changes nothing: {_DAMAGED}",
}
"""What helps against a logit that is no number, by the precision that it was computed in."""


class Reranker:
    """Ranks documents for a query with one model.

    Safe to use from several threads, survives a fork, and closes (`with secondpass.load() as reranker`). `name`: the
    model's; `declared`: what it can; `limits`: how long inputs are dealt with; `capabilities`: the backend and why it
    was chosen, None for models that compute without one.
    """

    def __init__(
        self, scorer: PairScorer | ListScorer, *, limits: Limits | None = None, capabilities: Capabilities | None = None
    ) -> None:
        self._scorer = scorer
        self.limits = limits or Limits()
        self.capabilities = capabilities
        self._engine = Engine(streams=capabilities.streams, budget=capabilities.budget) if capabilities else Engine()

    @property
    def declared(self) -> Declared:
        """What the model declares about itself."""
        return self._scorer.declared

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
        progress: bool | None = None,
    ) -> Ranking:
        """Rank `documents` for `query`, best first; equal logits keep the given order.

        `instruction` says what else matters, in words. `top_n` and `min_score` (in [0, 1]) leave the rest out; without
        them every document comes back. `fields` names metadata to read along with the text. `progress`: a bar always
        (True), never (False), or in a terminal once the work proves long (None). Raises `InputError`.
        """
        _check_cutoffs(top_n, min_score)
        request = self._request(query, documents, instruction=instruction, fields=fields)
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
        progress: bool | None = None,
    ) -> list[Ranking]:
        """Rank a list of candidates for each query; batches are shared across queries. Raises `InputError`."""
        _check_cutoffs(top_n, min_score)
        for name, given in (("queries", queries), ("instructions", instructions)):
            if isinstance(given, str):
                raise InputError(f"{name}={given!r:.80} is a single string: give a list of them, or use rank.")
        told = [None] * len(queries) if instructions is None else list(instructions)
        if not len(queries) == len(candidate_lists) == len(told):
            raise InputError(
                f"{len(queries)} queries, {len(candidate_lists)} candidate lists and {len(told)} instructions: "
                "give one list (and one instruction, or None) a query."
            )
        requests = [
            self._numbered(number, query, documents, one, fields)
            for number, (query, documents, one) in enumerate(zip(queries, candidate_lists, told, strict=True))
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
        progress: bool | None = None,
    ) -> Scores:
        """Scores in [0, 1], float32, shape (n,), in the order of `documents`. Raises `InputError`."""
        (scored,) = self._score([self._request(query, documents, instruction=instruction, fields=fields)], progress)
        return bounded(scored.logits, self.declared.activation, self.declared.scale)

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
        single = len(pairs) == 2 and isinstance(pairs[0], str) and isinstance(pairs[1], str)
        every: list[Any] = [pairs] if single else list(pairs)
        asked: dict[str, list[int]] = {}
        for position, pair in enumerate(every):
            if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
                raise InputError(f"pairs[{position}] is {pair!r:.80}: give (query, document).")
            asked.setdefault(as_query(pair[0]), []).append(position)
        documents = as_documents([pair[1] for pair in every])
        requests = [
            self._request(query, [documents[i] for i in at], instruction=prompt, called=_called_in(at))
            for query, at in asked.items()
        ]
        logits = np.empty(len(every), np.float32)
        for at, scored in zip(asked.values(), self._score(requests, show_progress_bar), strict=True):
            logits[at] = scored.logits
        scores = activate(logits, self.declared.activation) if activation_fn is None else activation_fn(logits)
        return scores[0] if single else scores

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
        *,
        instruction: str | None,
        fields: Sequence[str] = (),
        called: Called = "documents[{}]".format,
    ) -> Request:
        renderer = self.declared.renderer
        return Request.of(query, documents, instruction=instruction, fields=fields, renderer=renderer, called=called)

    def _numbered(
        self, number: int, query: str, documents: Iterable[AnyDocument], instruction: str | None, fields: Sequence[str]
    ) -> Request:
        """One request of many, whose messages say which."""
        called = f"queries[{number}]: documents[{{}}]".format
        try:
            return self._request(query, documents, instruction=instruction, fields=fields, called=called)
        except InputError as error:
            raise InputError(f"queries[{number}]: {error}") from error

    def _score(self, requests: Sequence[Request], progress: bool | None) -> list[Scored]:
        self._engine.require_open()
        scorer = self._scorer
        if isinstance(scorer, ListScorer):
            return [self._score_list(scorer, request) for request in requests]
        together = scorer.declared.separable and len(requests) > 1
        blocks = by_text(requests) if together else by_request(requests)
        reports: list[Report] = []
        # Pieces are what gets done, and how many chunks there will be is not known ahead.
        total = None if self.limits.policy == "chunk" else sum(len(request.texts) for request in requests)
        with Bar(total, show=progress) as bar:
            logits = self._engine.run(self._pieces(scorer, requests, blocks, reports), scorer.logits, bar.advance)
        wrong = not_finite(logits, [report.chunks for report in reports])
        if wrong is not None:
            raise self._no_number(requests[reports[wrong].request], reports[wrong].document)
        return fold(logits, reports, len(requests), self.limits.aggregate)

    def _score_list(self, scorer: ListScorer, request: Request) -> Scored:
        count = len(request.texts)
        if not count:
            return Scored(np.empty(0), [], [], [])
        listed = scorer.score(request.query, request.texts, request.instruction, self.limits)
        wrong = not_finite(listed.logits, [1] * count)
        if wrong is not None:
            raise self._no_number(request, wrong)
        logits = listed.logits.astype(np.float64)
        chunks = listed.chunks or [1] * count
        return Scored(logits, listed.tokens, listed.truncated, chunks, listed.degraded, listed.parts)

    def _no_number(self, request: Request, position: int) -> ModelError:
        remedy = _REMEDIES.get(self.capabilities.precision, _DAMAGED) if self.capabilities else _DAMAGED
        return ModelError(f"{request.called(position)}: {self.name} gives it a logit that is NaN or infinite. {remedy}")

    def _pieces(
        self, scorer: PairScorer, requests: Sequence[Request], blocks: Iterable[Block], reports: list[Report]
    ) -> Iterator[Piece]:
        """The blocks' pieces, made as they are asked for; what is to be told of each document goes to `reports`."""
        readers: dict[int, Reader] = {}
        for number, positions in blocks:
            request = requests[number]
            if number not in readers:
                if not scorer.declared.separable:
                    readers.clear()  # requests come one after the other, and a query's reader may be large
                readers[number] = scorer.read(request.query, request.instruction, self.limits)
            readings = request.readings(readers[number], positions)
            for position, reading in zip(positions, readings, strict=True):
                reports.append(Report(number, position, reading.tokens, reading.truncated, len(reading.pieces)))
                yield from reading.pieces

    def _ranking(self, request: Request, scored: Scored, top_n: int | None, min_score: float | None) -> Ranking:
        scores = bounded(scored.logits, self.declared.activation, self.declared.scale)
        order = np.argsort(-scored.logits, kind="stable")[:top_n]
        hits = (
            Hit(
                index=int(i),
                score=float(scores[i]),
                logit=float(scored.logits[i]),
                document=request.documents[i],
                tokens=scored.tokens[i],
                truncated=scored.truncated[i],
                chunks=scored.chunks[i],
                parts=scored.parts[i] if scored.parts else {},
            )
            for i in order
            if min_score is None or scores[i] >= min_score
        )
        return Ranking(request.query, tuple(hits), self.name, scored.degraded)


def _check_cutoffs(top_n: int | None, min_score: float | None) -> None:
    """Before anything is computed: nothing can mend a cutoff afterwards."""
    if top_n is not None and top_n < 1:
        raise InputError(f"top_n={top_n}: give 1 or more, or None for all.")
    if min_score is not None and not 0 <= min_score <= 1:
        raise InputError(f"min_score={min_score}: scores lie between 0 and 1; give one of them, or None for all.")


def _called_in(at: Sequence[int]) -> Called:
    """For documents that stand at the positions `at` of a list of pairs."""
    return lambda position: f"pairs[{at[position]}]"
