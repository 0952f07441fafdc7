"""Who is computed next: the pieces of all calls, from which the streams pull batches.

A job alone is packed a window at a time. Jobs that meet are packed in rounds of a batch a stream, each given its turn
of about one batch, in the order of the tokens that each was served, higher priority first; who comes begins where the
one served last has got to (self-clocked fair queueing; Golestani, 1994). So they share batches, and a thousand
documents do not hold up five: what no stream took yet of a job that was alone is packed anew when another comes. Knows
lengths and moments, neither texts nor how batches are computed.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from secondpass.engine.batching import batches, shares
from secondpass.engine.cost import Cost
from secondpass.engine.job import Gone, Job, Logits, Row, Window, rows_of
from secondpass.errors import InputError, Overloaded
from secondpass.models.scorer import Piece, padded_length

DEEPEST = 8
"""Batches a stream in a round of many small jobs: the more rows are sorted together, the less is padding."""

Clock = Callable[[], float]
Why = Literal["late", "cancelled"]


class Queue:
    """Bounded by `capacity` padded tokens where given. Every method may be called from any thread."""

    def __init__(self, cost: Cost, *, streams: int, budget: int, capacity: int | None, now: Clock) -> None:
        self._cost = cost
        self._streams = streams
        self._budget = budget
        self._capacity = capacity
        self._now = now
        self._closed = False
        self.reset()

    def reset(self) -> None:
        """Forget all jobs and locks: in a forked child they belong to threads that are not there."""
        self._lock = threading.RLock()  # a collected engine closes its queue, wherever its thread then is
        self._work = threading.Condition(self._lock)
        self._jobs: dict[Job, None] = {}
        self._packed: deque[list[Row]] = deque()
        self._apart: deque[list[Row]] = deque()
        self._served = 0.0
        self.tokens = 0

    def enter(self, logits: Logits, *, until: float | None, priority: int, gone: Gone | None) -> Job:
        """Let a call in, before it makes its pieces. Raises `InputError` once closed, `Overloaded` where it is full."""
        with self._lock:
            self.require_open()
            self._admit(0)
            return Job(logits, threading.Condition(self._lock), until=until, priority=priority, gone=gone)

    def require_open(self) -> None:
        """Raise `InputError` once closed."""
        if self._closed:
            raise InputError("this reranker is closed: load it again to use it.")

    def put(self, job: Job, pieces: Sequence[Piece]) -> None:
        """Hand in the next window. Raises `InputError` once closed; for the first window, `Overloaded`."""
        with self._lock:
            self.require_open()
            window = Window.of(len(pieces))
            rows = rows_of(job, window, pieces)
            tokens = sum(row.cost for row in rows)
            if not job.windows:
                self._admit(tokens)
            job.windows.append(window)
            if job.over or not rows:
                return
            self._make_way(job)
            if not job.unstarted:
                job.tag = max(job.tag, self._served)
            job.open += 1
            job.waiting.extend(rows)
            self._add(job, rows)
            self._work.notify_all()

    def wait(self, job: Job, ahead: int, advance: Callable[[int], None] | None = None) -> None:
        """Until no more than `ahead` windows are incomplete, or the job is over; raises what its batches raised."""
        settled = False
        while not settled:
            with self._lock:
                while job.finished == job.told and not job.settled(ahead):
                    job.changed.wait(self._patience(job))
                    self._sweep([job] if job.unstarted else [])
                news, job.told = job.finished - job.told, job.finished
                settled = job.settled(ahead)
            if news and advance is not None:
                advance(news)
        if job.error is not None:
            raise job.error

    def leave(self, job: Job, why: Why = "cancelled") -> None:
        """Compute no more of a job than what is under way."""
        with self._lock:
            if not job.over:
                self._withdraw(job)
                job.late, job.cancelled = why == "late", why == "cancelled"

    def take(self) -> list[Row] | None:
        """The next batch, waiting for it; None once closed with nothing left."""
        with self._lock:
            while True:
                self._sweep(list(self._jobs))
                batch = self._next()
                if batch:
                    self._start(batch)
                    return batch
                if self._closed:
                    return None
                self._work.wait()

    def finish(self, batch: Sequence[Row], logits: NDArray[np.float32]) -> None:
        """A batch was computed: float32, shape (rows,)."""
        with self._lock:
            for row, logit in zip(batch, logits, strict=True):
                row.window.logits[row.position] = logit
                row.window.computed[row.position] = True
                row.window.left -= 1
                row.job.open -= row.window.left == 0
                row.job.finished += 1
            self._stop(batch)

    def fail(self, batch: Sequence[Row], error: BaseException) -> None:
        """A batch could not be computed: where it was of several jobs, each one's rows are tried apart."""
        with self._lock:
            self._stop(batch)
            apart: dict[Job, list[Row]] = {}
            for row in batch:
                apart.setdefault(row.job, []).append(row)
            for job, rows in apart.items():
                if len(apart) == 1:
                    self._withdraw(job)
                    job.error = job.error or error
                elif not job.over:
                    self._add(job, rows)
                    self._apart.append(rows)
            self._work.notify_all()

    def close(self, *, abandon: bool = False) -> None:
        """Take no more, and have what was handed in computed, or abandoned. Closing twice does nothing."""
        with self._lock:
            self._closed = True
            for job in list(self._jobs) if abandon else ():
                self._withdraw(job)
                job.error = InputError("this reranker was closed before its answer was ready: load it again.")
            self._work.notify_all()

    def _admit(self, tokens: int) -> None:
        """Raise `Overloaded` where `tokens` more are too many. Into an empty queue goes whatever comes."""
        if self._capacity is None or not self._full(tokens):
            return
        self._sweep(list(self._jobs))
        if self._full(tokens):
            batches_ahead = math.ceil(self.tokens / self._budget / self._streams)
            seconds = batches_ahead * self._cost.seconds(self._budget) if self._cost.known else 1.0
            raise Overloaded(
                f"{self.tokens} tokens wait, and there is room for {self._capacity}: ask again in {seconds:.1f} "
                "seconds, or raise capacity_tokens.",
                retry_after=seconds,
            )

    def _full(self, tokens: int) -> bool:
        assert self._capacity is not None
        return self.tokens > 0 and self.tokens + max(tokens, 1) > self._capacity

    def _patience(self, job: Job) -> float | None:
        """Seconds until its deadline, where that would still take anything out."""
        if job.until is None or not job.unstarted:
            return None
        return min(max(job.until - self._now(), 0.0), threading.TIMEOUT_MAX)

    def _sweep(self, jobs: Iterable[Job]) -> None:
        """Take out whose deadline has passed, and whose caller has gone."""
        now = self._now()
        for job in jobs:
            if job.until is not None and now >= job.until:
                self.leave(job, "late")
            elif job.gone is not None:
                try:
                    if job.gone():
                        self.leave(job)
                except BaseException as error:  # noqa: BLE001 it is the caller's, and its thread gets it
                    self._withdraw(job)
                    job.error = error

    def _add(self, job: Job, rows: Sequence[Row]) -> None:
        job.mark(self._now())
        tokens = sum(row.cost for row in rows)
        job.unstarted += len(rows)
        job.tokens += tokens
        self.tokens += tokens
        self._jobs[job] = None

    def _withdraw(self, job: Job) -> None:
        """Take out what was not started; the job is about to be over, by which its rows in batches are known."""
        job.mark(self._now())
        self.tokens -= job.tokens
        job.unstarted = job.tokens = 0
        job.waiting.clear()
        self._jobs.pop(job, None)
        job.changed.notify_all()

    def _next(self) -> list[Row]:
        """The next batch; none where nothing waits."""
        while self._apart or self._packed or self._pack():
            rows = self._in_time(self._apart or self._packed)
            if rows:
                return rows
        return []

    def _in_time(self, source: deque[list[Row]]) -> list[Row]:
        """Of the next batch what its first deadline allows; the rest goes back, and whose time is up leaves."""
        rows = [row for row in source.popleft() if not row.job.over]
        while rows:
            first = min((row.job for row in rows), key=_deadline)
            if first.until is None:
                return rows
            room = self._cost.tokens(first.until - self._now())
            # Nothing is known before the first batch, so that is a small one.
            fits = _fitting(rows, room) if self._cost.known else {min(rows, key=_asked)}
            if fits:
                if len(fits) < len(rows):
                    source.appendleft([row for row in rows if row not in fits])
                return [row for row in rows if row in fits]
            self.leave(first, "late")
            rows = [row for row in rows if not row.job.over]
        return []

    def _pack(self) -> bool:
        """Make batches of what waits; False where nothing does."""
        waiting = [job for job in self._jobs if job.waiting]
        if not waiting:
            return False
        if len(self._jobs) == 1:
            rows = list(waiting[0].waiting)
            waiting[0].waiting.clear()
        else:
            lead = min(waiting, key=lambda job: self._turn(job, job.tag))
            rows = self._round([job for job in waiting if job.logits == lead.logits])
        whole = [row for row in rows if not row.job.waiting]  # first, so that these jobs need not wait for the others
        for part in (whole, [row for row in rows if row.job.waiting]):
            lengths, groups = [row.piece.length for row in part], [row.piece.group for row in part]
            packed = batches(lengths, groups, budget=self._budget, streams=self._streams)
            self._packed.extend([part[i] for i in batch] for batch in packed)
        return True

    def _round(self, jobs: Sequence[Job]) -> list[Row]:
        """Rows for one batch a stream, of the jobs in turn; for more where that gives further jobs their first turn."""
        rows: list[Row] = []
        tags = {job: job.tag for job in jobs}
        seen: set[Job] = set()
        taken, broad = 0, self._budget * self._streams
        while tags:
            job = min(tags, key=lambda job: self._turn(job, tags[job]))
            if taken >= broad and (job in seen or taken >= DEEPEST * broad):
                break
            before, turn = len(rows), self._budget if taken >= broad else min(self._budget, broad - taken)
            if job.tokens <= 2 * self._budget and job not in seen:
                turn = job.tokens  # to come back for a small rest would cost it a whole cycle of the others
            while job.waiting and (job.waiting[0].cost <= turn or not rows):
                rows.append(job.waiting.popleft())
                turn -= rows[-1].cost
                taken += rows[-1].cost
                tags[job] += rows[-1].cost
            if len(rows) == before and job in seen:
                break
            seen.add(job)
            if len(rows) == before or not job.waiting:
                del tags[job]
        return rows

    def _turn(self, job: Job, tag: float) -> tuple[int, float, int]:
        """Who is next, the least first: of one priority who was served least, and of these who asks least."""
        return -job.priority, tag, job.tokens

    def _make_way(self, coming: Job) -> None:
        """Unpack what is one other job's alone, or of lower priority. A round of several is short, and stays."""
        packed = {row.job for batch in self._packed for row in batch if not row.job.over}
        lone = len(packed) == 1 and coming not in packed
        if not lone and all(job.priority >= coming.priority for job in packed):
            return
        for batch in reversed(self._packed):
            for row in reversed(batch):
                if not row.job.over:
                    row.job.waiting.appendleft(row)
        self._packed.clear()

    def _start(self, batch: Sequence[Row]) -> None:
        now, jobs = self._now(), {row.job: None for row in batch}
        for job in jobs:
            job.mark(now)
            job.computing += 1
            job.batches += 1
        for row, padded in zip(batch, shares([row.piece for row in batch]), strict=True):
            job = row.job
            job.unstarted -= 1
            job.tokens -= row.cost
            job.tag += row.cost
            job.padded_tokens += padded
            job.real_tokens += row.piece.length
            self.tokens -= row.cost
            if not job.unstarted:
                del self._jobs[job]
        self._served = max(self._served, *(job.tag for job in jobs))

    def _stop(self, batch: Sequence[Row]) -> None:
        now = self._now()
        for job in {row.job: None for row in batch}:
            job.mark(now)
            job.computing -= 1
            job.changed.notify_all()


def _deadline(job: Job) -> float:
    return math.inf if job.until is None else job.until


def _asked(row: Row) -> tuple[float, int]:
    """Whose deadline comes first goes first, and of one job what was given first."""
    return _deadline(row.job), row.position


def _fitting(rows: Sequence[Row], room: float) -> set[Row]:
    """As many rows as can be padded to one length within `room` tokens."""
    fits: set[Row] = set()
    longest = count = 0
    for row in sorted(rows, key=_asked):
        wide, tall = max(longest, padded_length(row.piece.length)), count + bool(row.cost)
        if wide * tall <= room:
            fits.add(row)
            longest, count = wide, tall
    return fits
