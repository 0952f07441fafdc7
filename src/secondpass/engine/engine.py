"""Runs pieces through a scorer in token-budget batches on several streams, for one caller or many.

Knows lengths, not texts. Pieces are taken lazily, a window at a time, so that memory does not grow with their number:
while the streams compute one window, the caller's iterator prepares the next. Who is computed when is the queue's.
"""

from __future__ import annotations

import atexit
import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from threading import Lock, Thread

import numpy as np
from numpy.typing import NDArray

from secondpass.engine.batching import BUDGET, shares
from secondpass.engine.cost import Cost
from secondpass.engine.job import Done, Gone, Job, Logits
from secondpass.engine.queue import Clock, Queue
from secondpass.errors import InputError, ModelError
from secondpass.models.scorer import Piece, padded_length

Advance = Callable[[int], None]

WINDOW = 32 * BUDGET
"""Padded tokens that are sorted together: enough for batches of like lengths, little enough to stay small in memory."""

HURRIED = 4
"""Batches a stream in a window of a call with a deadline: what is computed by then is what was given first."""

MOST_PIECES = 8192
"""Pieces that are sorted together, whatever they cost."""

_FAREWELL = 10.0  # seconds that a process waits at its end for batches under way
_ENGINES: weakref.WeakSet[Engine] = weakref.WeakSet()


class Engine:
    """`streams` threads, each computing one batch at a time. Safe to use from several threads and after a fork.

    `budget`: padded tokens a batch. `capacity_tokens`: padded tokens that may wait before a further call is refused;
    None for no bound. `now`: the clock that deadlines are moments of. `cost`: what batches take here, as it is learnt.
    """

    def __init__(
        self,
        *,
        streams: int = 1,
        budget: int = BUDGET,
        capacity_tokens: int | None = None,
        now: Clock = time.monotonic,
    ) -> None:
        if streams < 1:
            raise InputError(f"streams={streams}: at least one is needed.")
        if capacity_tokens is not None and capacity_tokens < 1:
            raise InputError(f"capacity_tokens={capacity_tokens}: give 1 or more, or None for no bound.")
        self.streams = streams
        self.budget = budget
        self.cost = Cost()
        self._now = now
        self._queue = Queue(self.cost, streams=streams, budget=budget, capacity=capacity_tokens, now=now)
        self._start_over()
        _ENGINES.add(self)
        # Streams know the queue and not the engine, so one that nobody holds any more is collected, and they end.
        weakref.finalize(self, self._queue.close).atexit = False

    def run(self, pieces: Iterable[Piece], logits: Logits, advance: Advance | None = None) -> NDArray[np.float32]:
        """The logits of `compute` alone, where nothing may cut it short."""
        return self.compute(pieces, logits, advance).logits

    def compute(
        self,
        pieces: Iterable[Piece],
        logits: Logits,
        advance: Advance | None = None,
        *,
        until: float | None = None,
        priority: int = 0,
        gone: Gone | None = None,
    ) -> Done:
        """One logit a piece, in the order of `pieces`; calls that run at the same time share batches.

        `advance(n)` is told of every n pieces done. After `until`, a moment of the engine's clock (`time.monotonic`),
        no piece is started or taken from `pieces`, and batches are cut to the time that is left by what they cost until
        now. A call of higher `priority` goes first. Once `gone()` is true, the same holds as after `until`; it is asked
        often and under a lock: it must return at once and must not use the engine. An exception of `logits` is raised
        here only where this call's own pieces cause it. Raises `InputError` once closed, also where that happens
        before the last piece was handed in, and `Overloaded`, before the first is computed.
        """
        self._start_streams()
        job = self._queue.enter(logits, until=until, priority=priority, gone=gone)
        tokenising = 0.0
        try:
            windows = self._windows(pieces, job)
            while True:
                began = self._now()
                window = next(windows, None)
                tokenising += self._now() - began
                if window is None:
                    break
                self._queue.put(job, window)
                self._queue.wait(job, 1, advance)
            self._queue.wait(job, 0, advance)
        except BaseException:
            self._queue.leave(job)
            raise
        return job.done(tokenising)

    @property
    def queued_tokens(self) -> int:
        """Padded tokens that wait for a stream."""
        return self._queue.tokens

    def close(self) -> None:
        """Let what was handed in be computed, and take no more. Closing twice does nothing."""
        self._queue.close()
        for thread in self._threads:
            thread.join()

    def require_open(self) -> None:
        """Raise `InputError` once closed."""
        self._queue.require_open()

    def _windows(self, pieces: Iterable[Piece], job: Job) -> Iterator[list[Piece]]:
        size = WINDOW if job.until is None else min(WINDOW, HURRIED * self.streams * self.budget)
        window: list[Piece] = []
        tokens = 0
        group: int | None = None
        given = iter(pieces)
        while not self._stopped(job):
            piece = next(given, None)
            if piece is None:
                break
            if piece.group is None or piece.group != group:
                tokens += padded_length(piece.length)
            group = piece.group
            window.append(piece)
            if tokens >= size or len(window) >= MOST_PIECES:
                yield window
                window, tokens = [], 0
        if window:
            yield window

    def _stopped(self, job: Job) -> bool:
        """Whether no more pieces are to be taken."""
        if job.until is not None and self._now() >= job.until:
            self._queue.leave(job, "late")
        elif job.gone is not None and job.gone():
            self._queue.leave(job)
        return job.over

    def _start_over(self) -> None:
        """Without threads; after a fork there are none, and locks may be held by those that were."""
        self._threads: list[Thread] = []
        self._starting = Lock()

    def _start_streams(self) -> None:
        self.require_open()
        with self._starting:
            while len(self._threads) < self.streams:
                name = f"secondpass-{len(self._threads)}"
                thread = Thread(target=_stream, args=(self._queue, self.cost, self._now), name=name, daemon=True)
                thread.start()
                self._threads.append(thread)


def _stream(queue: Queue, cost: Cost, now: Clock) -> None:
    while _turn(queue, cost, now):
        pass


def _turn(queue: Queue, cost: Cost, now: Clock) -> bool:
    """Compute the next batch. In a function of its own, so that a stream that waits holds on to no pieces."""
    batch = queue.take()
    if batch is None:
        return False
    pieces = [row.piece for row in batch]
    began = now()
    try:
        logits = batch[0].job.logits(pieces)
        if logits.shape != (len(pieces),):
            raise ModelError(f"{len(pieces)} pieces gave logits of shape {logits.shape}: the model's graph is damaged.")
    except BaseException as error:  # noqa: BLE001 whatever it is, it belongs to the thread whose pieces these are
        queue.fail(batch, error)
    else:
        cost.learn(sum(shares(pieces)), now() - began)
        queue.finish(batch, logits)
    return True


def _after_fork() -> None:
    for engine in list(_ENGINES):
        engine._queue.reset()
        engine._start_over()


def _at_exit() -> None:
    """Streams are daemons, so that waiting ones hold nothing up; a batch under way must not be cut off in C++."""
    for engine in list(_ENGINES):
        engine._queue.close(abandon=True)
        for thread in engine._threads:
            thread.join(_FAREWELL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
