"""Several rerankers one after the other: the cheap ones prune, the dear ones read what is left, a budget says how much.

Knows rerankers by what they declare and give, and how fast each is by its `pace`; when the order of the best cannot
change any more, is in `settle`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any, get_args

import numpy as np

from secondpass.errors import Cancelled, InputError, ModelError, ServiceError
from secondpass.models.scorer import Declared
from secondpass.ranking.candidates import Floats
from secondpass.ranking.cascade_name import CascadeName
from secondpass.ranking.composite import OnFailure, instructions_of, numbered, read_alike
from secondpass.ranking.load import Options, open_named
from secondpass.ranking.outcome import Scored
from secondpass.ranking.pace import FIRST
from secondpass.ranking.passages import chunks_of
from secondpass.ranking.request import Request
from secondpass.ranking.reranker import Reranker
from secondpass.ranking.settle import LEAST, settled
from secondpass.types import Hit, Spent, Stage

GAP = 1e-6
"""How far a document that was left behind stays below those that went on, as a share of the lowest one's logit."""

WORTHWHILE = 4
"""Documents that a budget's last moments have to be enough for: a call takes time of its own."""


class Cascade(Reranker):
    """A reranker whose stages see fewer and fewer documents: `Cascade(["bm25", "embedded"], keep=[100])`.

    `stages`: names as `secondpass.load` takes them, folders, and open rerankers, the cheapest first; `options` are
    those of `load`, for the stages that are named. `keep`: how many documents each stage but the last hands on.
    `settle`: the chance that may be taken of a wrong top n when a stage stops before it has read all that it got, with
    `top_n` (see `settle.settled`); None to read all. `on_failure`: what a `ModelError` or a `ServiceError` of a stage
    does, "raise" to pass it on, "leave-out" to go on with the order of the stage before, marked as degraded, unless all
    fail.

    The order of the last stage comes first, then what the stage before it left behind in its order, and so on. A hit's
    `logit` is that of the last stage where it was read there, and lower than all of those where it was not; its `parts`
    are the logits of all stages that read it. `Ranking.stages` tells what each stage saw and took. `close` closes the
    stages that were opened here. Raises `InputError`, and what `load` does.
    """

    def __init__(
        self,
        stages: Sequence[str | Path | Reranker],
        keep: Sequence[int] = (),
        *,
        settle: float | None = None,
        on_failure: OnFailure = "raise",
        **options: Any,
    ) -> None:
        _check(stages, keep, settle, on_failure)
        asked = Options(**options)
        with ExitStack() as opened:
            rerankers = [
                one if isinstance(one, Reranker) else opened.enter_context(open_named(one, asked)) for one in stages
            ]
            super().__init__(CascadeScorer(rerankers, keep, settle, on_failure))
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Close the stages that were opened here. Closing twice does nothing."""
        super().close()
        self._opened.close()

    def __repr__(self) -> str:
        return f"Cascade({self.name!r})"


@dataclass(slots=True)
class _Read:
    """What one stage has read: its hits by their positions in the request, and why it stopped before the end."""

    hits: dict[int, Hit] = field(default_factory=dict)
    stopped: str | None = None
    degraded: bool = False
    spent: list[Spent] = field(default_factory=list)

    def logits(self, positions: Sequence[int]) -> Floats:
        return np.array([self.hits[position].logit for position in positions], np.float64)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one stage is asked: to read the documents at `order` of a request until a moment, and where that goes."""

    reranker: Reranker
    request: Request
    order: Sequence[int]
    until: float | None
    found: _Read

    def affordable(self, start: int = 0) -> int:
        """How many documents from `start` on can be read in the time that is left."""
        lengths = [len(self.request.texts[position]) for position in self.order[start:]]
        return len(lengths) if self.until is None else self.reranker.pace.affordable(lengths, self._left())

    def read(self, start: int, end: int) -> bool:
        """Read a part of the documents; whether all of it was read before the time was over."""
        positions = self.order[start:end]
        if positions:
            ranking = self.reranker.ranked(self.request.of_documents(positions, self.until))
            self.found.degraded |= ranking.degraded
            self.found.spent += [ranking.spent] if ranking.spent else []
            self.found.hits |= {positions[hit.index]: hit for hit in ranking if hit.chunks}
        if positions and all(position in self.found.hits for position in positions):
            return True
        self.found.stopped, self.found.degraded = "time", True
        return False

    def read_at_once(self) -> None:
        """Read all that there is time for in one go, since what is said of a document depends on the others."""
        if not self.order:
            return
        if self.until is not None and not self.reranker.pace.known and len(self.order) > FIRST and self._left() > 0:
            self.read(0, FIRST)
        count = self.affordable()
        if count > len(self.found.hits) or not self.found.hits:
            self.found.hits, self.found.stopped, self.found.degraded = {}, None, False
            self.read(0, count)
        if len(self.found.hits) < len(self.order):
            self.found.stopped, self.found.degraded = "time", True

    def _left(self) -> float:
        return math.inf if self.until is None else self.until - time.monotonic()


class CascadeScorer:
    """A `Composite` of rerankers, which stay their owner's to close. Arguments as in `Cascade`."""

    keeps_time = True

    def __init__(
        self,
        rerankers: Sequence[Reranker],
        keep: Sequence[int] = (),
        settle: float | None = None,
        on_failure: OnFailure = "raise",
    ) -> None:
        self._names = numbered([reranker.name for reranker in rerankers])
        self._rerankers = rerankers
        self._keep = (*keep, None)
        self._settle = settle
        self._alike = read_alike([reranker.declared for reranker in rerankers])
        self._on_failure = on_failure
        named = CascadeName(tuple(reranker.name for reranker in rerankers), tuple(keep))
        self._declared = _declared(str(named), [reranker.declared for reranker in rerankers], settle)

    @property
    def declared(self) -> Declared:
        """What may be relied on: the last stage's scale, and no more than what all stages have in common."""
        return self._declared

    def score_request(self, request: Request) -> Scored:
        """Every document's logit by the last stage that read it, those of earlier stages below those of later ones."""
        order = list(range(len(request.documents)))
        done: list[_Read] = []
        stages: list[Stage] = []
        failures: list[ModelError | ServiceError] = []
        for number, keep in enumerate(self._keep):
            began, found = time.monotonic(), _Read()
            before = done[-1].logits(order) if done and done[-1].hits else None
            try:
                self._run(number, request, order, before, found)
            except (ModelError, ServiceError) as error:
                if self._on_failure == "raise" or isinstance(error, Cancelled):
                    raise
                failures.append(error)
                found = _Read(stopped=f"failed: {error}", degraded=True)
            read = sorted(found.hits, key=lambda at: (-found.hits[at].logit, at))
            following = read if found.hits else order
            given, order = len(order), following[:keep]
            stages.append(
                Stage(self._names[number], given, len(read), len(order), time.monotonic() - began, found.stopped)
            )
            if found.hits:
                done.append(found)
        if failures and not done and request.documents:
            raise failures[0]
        return self._gathered(request, done, stages)

    def close(self) -> None:
        """Nothing is held open; the rerankers belong to who opened them."""

    def _run(self, number: int, request: Request, order: Sequence[int], before: Floats | None, found: _Read) -> None:
        """Have a stage read the documents at `order`, the best first, until all are or it may stop."""
        reranker = self._rerankers[number]
        wanted = request.top_n if self._keep[number] is None else self._keep[number]
        asked = _Asked(reranker, replace(request, top_n=wanted), order, self._until(number, request, order), found)
        if not reranker.pointwise:
            asked.read_at_once()
            return
        at = 0
        while at < len(order):
            count = asked.affordable(at)
            if 0 < at < len(order) - count and count < WORTHWHILE:
                count = 0
            if self._settle is not None and before is not None and wanted is not None:
                count = min(count, max(LEAST, wanted, at))  # twice as many at every look
            if not asked.read(at, at + count):
                return
            at += count
            if wanted is None or self._settle is None or before is None or at == len(order):
                continue
            if settled(before[:at], found.logits(order[:at]), before[at:], wanted, self._settle):
                found.stopped = "settled"
                return

    def _until(self, number: int, request: Request, order: Sequence[int]) -> float | None:
        """When a stage has to be done: later ones get what they are expected to take, or half of what is left."""
        following = self._rerankers[number + 1 :]
        if request.until is None or not following:
            return request.until
        now = time.monotonic()
        left = request.until - now
        if not all(reranker.pace.known for reranker in following):
            return now + left / 2
        longest = sorted((len(request.texts[position]) for position in order), reverse=True)
        later = sum(r.pace.seconds(longest[:keep]) for r, keep in zip(following, self._keep[number:], strict=False))
        return now + max(left / 2, left - later)

    def _gathered(self, request: Request, done: Sequence[_Read], stages: Sequence[Stage]) -> Scored:
        count = len(request.documents)
        logits, deepest = np.zeros(count), dict[int, Hit]()
        floor = math.inf
        for found in reversed(done):
            group = [position for position in found.hits if position not in deepest]
            if group:
                floor = _placed(logits, group, found.logits(group), floor)
            deepest |= {position: found.hits[position] for position in group}
        unread = [position for position in range(count) if position not in deepest]
        if unread:
            _placed(logits, unread, -np.arange(len(unread), dtype=np.float64) * GAP, floor)
        each = [deepest.get(position) for position in range(count)]
        own = [hit.parts if hit else {} for hit in each]
        by_name = {stage.model: found for stage, found in zip((s for s in stages if s.read), done, strict=True)}
        return Scored(
            logits,
            tokens=[hit.tokens if hit else 0 for hit in each],
            truncated=[hit.truncated if hit else True for hit in each],
            chunks=[hit.chunks if hit else 0 for hit in each],
            degraded=any(found.degraded for found in done) or any(s.stopped not in (None, "settled") for s in stages),
            parts=[_parts(by_name, position) for position in range(count)] if len(self._names) > 1 else own,
            stages=tuple(stages),
            spent=reduce(add, [each for found in done for each in found.spent]) if any(f.spent for f in done) else None,
            passages=[chunks_of(hit) for hit in each] if self._alike else None,
            gloss=[hit.signals.get("gloss", 0.0) if hit else 0.0 for hit in each],
        )


def _placed(logits: Floats, group: Sequence[int], values: Floats, floor: float) -> float:
    """Write a group's logits, moved below `floor` where any is not, and return the lowest of them."""
    moved = values
    if math.isfinite(floor):
        ceiling = floor - GAP * max(1.0, abs(floor))
        moved = values - max(0.0, float(values.max()) - ceiling)
    logits[np.asarray(group)] = moved
    return float(moved.min())


def _parts(by_name: Mapping[str, _Read], position: int) -> dict[str, float]:
    return {name: found.hits[position].logit for name, found in by_name.items() if position in found.hits}


def _check(stages: Sequence[object], keep: Sequence[int], settle: float | None, on_failure: str) -> None:
    if isinstance(stages, str) or not stages:
        raise InputError(f"stages={stages!r}: give a list of at least one name or reranker.")
    if len(keep) != len(stages) - 1:
        raise InputError(f"keep={list(keep)!r} for {len(stages)} stages: give a number for each stage but the last.")
    wrong = [each for each in keep if each < 1]
    if wrong:
        raise InputError(f"keep={list(keep)!r}: a stage has to hand on at least 1 document.")
    if settle is not None and not 0 < settle < 1:
        raise InputError(f"settle={settle!r} is no chance: give one between 0 and 1, such as 0.05, or None.")
    if on_failure not in get_args(OnFailure):
        raise InputError(f"on_failure={on_failure!r}: choose one of {', '.join(get_args(OnFailure))}.")


def _declared(name: str, stages: Sequence[Declared], settle: float | None) -> Declared:
    most = [stage.max_tokens for stage in stages if stage.max_tokens is not None]
    versions = "; ".join(f"{stage.name} {stage.version}" for stage in stages)
    last = stages[-1]
    return Declared(
        name=name,
        version=f"cascade@1 {name} settle={settle} [{versions}]",
        renderer=max(stage.renderer for stage in stages),
        max_tokens=min(most, default=None),
        activation=last.activation,
        instructions=instructions_of(stages),
        scale=last.scale,
    )
