"""One call's pieces on their way through the queue, and what comes of them. Knows lengths and logits, not texts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition

import numpy as np
from numpy.typing import NDArray

from secondpass.models.scorer import Piece, padded_length
from secondpass.types import Spent

Logits = Callable[[Sequence[Piece]], NDArray[np.float32]]
Gone = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of the n pieces that were taken from the caller's iterator, in its order.

    `logits`: float32, shape (n,), NaN where not computed. `computed`: bool, shape (n,). `late`: the deadline came
    before all was computed. `cancelled`: the caller was gone before. In both cases the iterator may have more to give.
    """

    logits: NDArray[np.float32]
    computed: NDArray[np.bool_]
    late: bool
    cancelled: bool
    spent: Spent


@dataclass(slots=True, eq=False)
class Window:
    """Some consecutive pieces of a job, sorted together: their logits, in the caller's order, and how many lack one."""

    logits: NDArray[np.float32]
    computed: NDArray[np.bool_]
    left: int

    @classmethod
    def of(cls, size: int) -> Window:
        return cls(np.full(size, np.nan, np.float32), np.zeros(size, np.bool_), size)


class Job:
    """One call. All but its arguments is the queue's to change, under its lock, which `changed` is a condition of.

    `tag`: the tokens that it was served, on a clock that runs for all jobs alike. `waiting`: rows that are in no batch
    yet; `unstarted` rows of `tokens` padded tokens are these and those in batches that no stream took. `computing`:
    batches under way. `open`: windows that are not complete. `over`: nothing more of it will be started.
    """

    def __init__(
        self, logits: Logits, changed: Condition, *, until: float | None, priority: int, gone: Gone | None
    ) -> None:
        self.logits = logits
        self.changed = changed
        self.until = until
        self.priority = priority
        self.gone = gone
        self.tag = 0.0
        self.waiting: deque[Row] = deque()
        self.windows: list[Window] = []
        self.unstarted = self.tokens = self.computing = self.open = 0
        self.finished = self.told = 0
        self.late = self.cancelled = False
        self.error: BaseException | None = None
        self.queued = self.inferring = self._since = 0.0
        self.batches = self.padded_tokens = self.real_tokens = 0

    @property
    def over(self) -> bool:
        return self.late or self.cancelled or self.error is not None

    def settled(self, ahead: int) -> bool:
        """Whether its caller may go on, with `ahead` windows that are not complete."""
        return self.computing == 0 if self.over else self.open <= ahead

    def mark(self, now: float) -> None:
        """Book the time since the last mark; to be called before what it does changes."""
        if self.computing:
            self.inferring += now - self._since
        elif self.unstarted:
            self.queued += now - self._since
        self._since = now

    def done(self, tokenising: float) -> Done:
        """What its caller gets, once settled with no windows ahead."""
        windows = self.windows or [Window.of(0)]
        return Done(
            logits=np.concatenate([window.logits for window in windows]),
            computed=np.concatenate([window.computed for window in windows]),
            late=self.late,
            cancelled=self.cancelled,
            spent=Spent(self.queued, tokenising, self.inferring, self.batches, self.padded_tokens, self.real_tokens),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One piece of a job: where its logit goes, and the padded tokens that it waits for, none behind its own group."""

    job: Job
    window: Window
    position: int
    piece: Piece
    cost: int


def rows_of(job: Job, window: Window, pieces: Sequence[Piece]) -> list[Row]:
    """The window's rows, longest first, those of one group together."""
    rows: list[Row] = []
    before: int | None = None
    for position in sorted(range(len(pieces)), key=lambda i: (-pieces[i].length, pieces[i].group or 0)):
        piece = pieces[position]
        shared = bool(rows) and piece.group is not None and piece.group == before
        rows.append(Row(job, window, position, piece, 0 if shared else padded_length(piece.length)))
        before = piece.group
    return rows
