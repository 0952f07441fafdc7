"""How a pointwise model reads requests: into pieces for the engine, and back into a logit a document.

Knows scorers by their contract, and what was known before; neither what stands on top of the logits nor how documents
are ordered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from secondpass.engine.cache import Keys, Known, ScoreCache
from secondpass.engine.engine import Engine
from secondpass.errors import Cancelled, InputError
from secondpass.models.scorer import PairScorer, Piece, QuerySplitter, Reading
from secondpass.ranking.outcome import Report, Scored, fold, gathered
from secondpass.ranking.request import BLOCK, Reader, Request, by_request, by_text
from secondpass.text.encode import Limits

HURRIED = 16
"""Documents that are tokenised together where there is a deadline, which nothing can break into."""

NotANumber = Callable[[Request, int], Exception]
"""The error for a request's document, at a position, whose logit is NaN or infinite."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """One scorer with the engine that computes it; `cache` holds outcomes of earlier requests, where there is one."""

    scorer: PairScorer
    engine: Engine
    limits: Limits
    cache: ScoreCache | None = None

    def score(
        self, requests: Sequence[Request], advance: Callable[[int], None], not_a_number: NotANumber
    ) -> list[Scored]:
        """Each request's outcome; what could not be read by the first request's deadline has the logit NaN.

        All are computed together: deadline, priority and whether the caller is gone are those of the first. Raises
        `Cancelled`, `Overloaded`, `InputError`, and what `not_a_number` makes.
        """
        reports: list[Report] = []
        asked = requests[0] if requests else None
        done = self.engine.compute(
            self._pieces(requests, reports),
            self.scorer.logits,
            advance,
            until=asked.until if asked else None,
            priority=asked.priority if asked else 0,
            gone=asked.gone if asked else None,
        )
        if done.cancelled:
            raise Cancelled("Whoever asked for this ranking is gone: it was given up.")
        counts = [len(request.texts) for request in requests]
        outcomes, wrong = fold(done.logits, done.computed, reports, counts, self.limits)
        if wrong is not None:
            raise not_a_number(requests[wrong.request], wrong.document)
        self._remember(requests, reports, outcomes)
        return [gathered(each, done.spent) for each in outcomes]

    def _pieces(self, requests: Sequence[Request], reports: list[Report]) -> Iterator[Piece]:
        """The requests' pieces, made as they are asked for; what is to be told of each document goes to `reports`."""
        together = self.scorer.declared.separable and len(requests) > 1
        hurried = any(request.until is not None for request in requests)
        blocks = by_text(requests) if together else by_request(requests, HURRIED if hurried else BLOCK)
        readers: dict[int, Reader] = {}
        for number, positions in blocks:
            request = requests[number]
            unknown = list(self._unknown(number, request, positions, reports))
            if not unknown:
                continue
            if number not in readers:
                if not self.scorer.declared.separable:
                    readers.clear()  # requests come one after the other, and a query's reader may be large
                readers[number] = self._reader(request)
            for position, reading in zip(unknown, request.readings(readers[number], unknown), strict=True):
                told = Report(
                    number,
                    position,
                    reading.tokens,
                    reading.truncated,
                    len(reading.pieces),
                    spans=reading.spans,
                    runs=reading.runs,
                )
                reports.append(told)
                yield from reading.pieces

    def _reader(self, request: Request) -> Reader:
        """What reads documents for the request's query, or for each of the parts that it is read in."""
        scorer = self.scorer
        if self.limits.query_policy == "refuse":
            return scorer.read(request.query, request.left, self.limits)
        if not isinstance(scorer, QuerySplitter):
            raise InputError(
                f'query_policy="chunk": {scorer.declared.name} cannot read a query in parts. Leave it out, and shorten '
                "the query where it is too long."
            )
        parts = scorer.parts(request.query, self.limits)
        readers = [scorer.read(part, request.left, self.limits) for part in parts]
        if len(readers) == 1:
            return readers[0]
        return lambda texts: [
            Reading.joined(readings, text)
            for text, *readings in zip(texts, *(reader(texts) for reader in readers), strict=True)
        ]

    def _unknown(self, number: int, request: Request, positions: Iterable[int], reports: list[Report]) -> Iterator[int]:
        """The positions whose outcome is not known from an earlier request; the others are reported at once."""
        if self.cache is None:
            yield from positions
            return
        keys = self._keys(request)
        for position in positions:
            known = self.cache.get(keys.key(request.texts[position]))
            if known is None:
                yield position
            else:
                reports.append(Report(number, position, known.tokens, known.truncated, known.chunks, known))

    def _remember(
        self, requests: Sequence[Request], reports: Sequence[Report], outcomes: Sequence[Sequence[Known]]
    ) -> None:
        if self.cache is None:
            return
        keys = [self._keys(request) for request in requests]
        for report in reports:
            known = outcomes[report.request][report.document]
            if report.known is None and known.logit == known.logit:
                text = requests[report.request].texts[report.document]
                self.cache.put(keys[report.request].key(text), known)

    def _keys(self, request: Request) -> Keys:
        return Keys(self.scorer.declared, self.limits, request.query, request.left)
