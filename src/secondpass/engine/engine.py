"""Runs pieces through a scorer in token-budget batches on several streams.

Knows lengths, not texts. Pieces are taken lazily, a window at a time, so that memory does not grow with their number:
while the streams compute one window, the caller's iterator prepares the next.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from secondpass.engine.batching import BUDGET, batches
from secondpass.errors import InputError
from secondpass.models.scorer import Piece, padded_length

Logits = Callable[[Sequence[Piece]], NDArray[np.float32]]
Advance = Callable[[int], None]

WINDOW = 32 * BUDGET
"""Padded tokens that are sorted together: enough for batches of like lengths, little enough to stay small in memory."""

MOST_PIECES = 8192
"""Pieces that are sorted together, whatever they cost."""


class Engine:
    """`streams` threads, each computing one batch at a time. Safe to use from several threads and after a fork."""

    def __init__(self, *, streams: int = 1, budget: int = BUDGET) -> None:
        if streams < 1:
            raise InputError(f"streams={streams}: at least one is needed.")
        self.streams = streams
        self.budget = budget
        self._pool: ThreadPoolExecutor | None = None
        self._process = os.getpid()
        self._lock = Lock()
        self._closed = False

    def run(self, pieces: Iterable[Piece], logits: Logits, advance: Advance | None = None) -> NDArray[np.float32]:
        """One logit a piece, float32, in the order of `pieces`; `advance(n)` is told of every n pieces done.

        Raises `InputError` once closed, also where that happens before the last batch could start.
        """
        pool = self._threads()
        done: list[NDArray[np.float32]] = []
        pending: deque[tuple[int, list[tuple[list[int], Future[NDArray[np.float32]]]]]] = deque()
        try:
            for window in _windows(pieces):
                lengths, groups = [piece.length for piece in window], [piece.group for piece in window]
                packed = batches(lengths, groups, budget=self.budget, streams=self.streams)
                futures = [(rows, self._submitted(pool, logits, [window[i] for i in rows])) for rows in packed]
                pending.append((len(window), futures))
                if len(pending) > 1:
                    done.append(_gather(*pending.popleft(), advance))
            while pending:
                done.append(_gather(*pending.popleft(), advance))
        finally:
            for _, futures in pending:
                for _, future in futures:
                    future.cancel()
        return np.concatenate(done) if done else np.empty(0, np.float32)

    def close(self) -> None:
        """Let batches that were handed in end, and take no more."""
        self._leave_parent()
        with self._lock:
            pool, self._pool, self._closed = self._pool, None, True
        if pool is not None:
            pool.shutdown(wait=True)

    def require_open(self) -> None:
        """Raise `InputError` once closed."""
        if self._closed:
            raise InputError("this reranker is closed: load it again to use it.")

    def _submitted(
        self, pool: ThreadPoolExecutor, logits: Logits, batch: Sequence[Piece]
    ) -> Future[NDArray[np.float32]]:
        try:
            return pool.submit(logits, batch)
        except RuntimeError:
            self.require_open()  # another thread closed the engine; any other reason is none of ours
            raise

    def _leave_parent(self) -> None:
        """In a forked child: the parent's threads do not exist here, and its lock may have been held when it forked."""
        if self._process != os.getpid():
            self._process, self._lock, self._pool = os.getpid(), Lock(), None

    def _threads(self) -> ThreadPoolExecutor:
        self._leave_parent()
        with self._lock:
            self.require_open()
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.streams, thread_name_prefix="secondpass")
            return self._pool


def _windows(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    window: list[Piece] = []
    tokens = 0
    group: int | None = None
    for piece in pieces:
        if piece.group is None or piece.group != group:
            tokens += padded_length(piece.length)
        group = piece.group
        window.append(piece)
        if tokens >= WINDOW or len(window) >= MOST_PIECES:
            yield window
            window, tokens = [], 0
    if window:
        yield window


def _gather(
    size: int, futures: Sequence[tuple[list[int], Future[NDArray[np.float32]]]], advance: Advance | None
) -> NDArray[np.float32]:
    out = np.empty(size, np.float32)
    try:
        for rows, future in futures:
            out[rows] = future.result()
            if advance is not None:
                advance(len(rows))
    except BaseException:
        for _, future in futures:
            future.cancel()
        raise
    return out
