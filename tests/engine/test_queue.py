from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from secondpass.engine.cost import Cost
from secondpass.engine.job import Job, Logits, Row
from secondpass.engine.queue import Queue
from secondpass.errors import InputError, Overloaded
from secondpass.models.scorer import Piece, padded_length

BUDGET = 1024


def halves(pieces: Sequence[Piece]) -> NDArray[np.float32]:
    return np.array([piece.inputs / 2 for piece in pieces], np.float32)


def thirds(pieces: Sequence[Piece]) -> NDArray[np.float32]:
    return np.array([piece.inputs / 3 for piece in pieces], np.float32)


class Desk:
    """A queue, a clock that stands still unless moved, and one hand that does what the streams would."""

    def __init__(self, *, streams: int = 1, capacity: int | None = None) -> None:
        self.now = 0.0
        self.cost = Cost()
        self.queue = Queue(self.cost, streams=streams, budget=BUDGET, capacity=capacity, now=lambda: self.now)

    def put(
        self, lengths: Sequence[int], logits: Logits = halves, *, until: float | None = None, priority: int = 0
    ) -> Job:
        job = self.queue.enter(logits, until=until, priority=priority, gone=None)
        self.queue.put(job, [Piece(length, float(number)) for number, length in enumerate(lengths)])
        return job

    def take(self) -> list[Row]:
        self.queue.close()  # so that an empty queue says so and does not wait
        batch = self.queue.take()
        self.queue._closed = False
        return batch or []

    def serve(self, batch: list[Row]) -> None:
        try:
            logits = batch[0].job.logits([row.piece for row in batch])
        except InputError as error:
            self.queue.fail(batch, error)
        else:
            self.queue.finish(batch, logits)

    def batch(self) -> list[Row]:
        batch = self.take()
        if batch:
            self.serve(batch)
        return batch

    def rest(self) -> list[list[Row]]:
        return list(iter(self.batch, []))


def tokens(rows: Sequence[Row], job: Job | None = None) -> int:
    return sum(padded_length(row.piece.length) for row in rows if job in (None, row.job))


def values(job: Job) -> list[float]:
    return list(map(float, job.done(0.0).logits))


def test_a_job_alone_is_sorted_as_a_whole() -> None:
    desk = Desk(streams=2)
    desk.put(list(range(1, 401)))
    lengths = [row.piece.length for batch in desk.rest() for row in batch]
    assert lengths == sorted(lengths, reverse=True)


def test_jobs_that_meet_share_batches() -> None:
    desk = Desk()
    jobs = [desk.put([100, 90, 95]) for _ in range(3)]
    assert {row.job for row in desk.batch()} == set(jobs)


def test_many_small_jobs_waste_less_padding_together_than_apart() -> None:
    lengths = np.random.default_rng(0).integers(20, 500, (32, 5)).tolist()

    def padded(crowd: Sequence[Sequence[int]]) -> int:
        desk = Desk(streams=2)
        jobs = [desk.put(job) for job in crowd]
        desk.rest()
        return sum(job.padded_tokens for job in jobs)

    assert padded(lengths) < 0.9 * sum(padded([job]) for job in lengths)


def test_five_documents_are_not_held_up_by_a_thousand() -> None:
    desk = Desk(streams=2)
    desk.put([128] * 1000)
    desk.batch()
    small = desk.put([128] * 5)
    waited = 0
    while small.finished < 5:
        waited += tokens(desk.batch())
    assert waited <= 2 * BUDGET  # a batch a stream, its own rows among them


def test_a_thousand_documents_keep_their_share_though_small_jobs_keep_coming() -> None:
    desk = Desk(streams=2)
    large = desk.put([128] * 1000)
    served = {True: 0, False: 0}
    for _ in range(60):
        desk.put([128] * 5)
        desk.put([128] * 5)
        batch = desk.batch()
        served[True] += tokens(batch, large)
        served[False] += tokens(batch) - tokens(batch, large)
    assert served[True] > served[False] / 60


def test_two_large_jobs_are_served_alike() -> None:
    desk = Desk(streams=2)
    first = desk.put([128] * 500)
    for _ in range(10):
        desk.batch()
    second = desk.put([64] * 900)
    before = first.finished
    rows = [row for _ in range(20) for row in desk.batch()]
    assert first.finished > before
    assert abs(tokens(rows, first) - tokens(rows, second)) <= 2 * BUDGET


def test_small_jobs_do_not_wait_longer_the_longer_large_ones_are_served() -> None:
    desk = Desk()
    for _ in range(2):
        desk.put([128] * 2000)
    waited = []
    for _ in range(60):
        desk.batch()
        small = desk.put([128] * 5)
        before = 0
        while not small.settled(0):
            batch = desk.take()
            before += tokens([row for row in batch if row.job is not small])
            desk.serve(batch)
        waited.append(before)
    assert max(waited[-20:]) <= max(waited[:20])
    assert max(waited) <= 2 * BUDGET
    assert np.mean(waited) <= BUDGET / 2


def test_small_jobs_without_end_do_not_starve_a_large_one() -> None:
    desk = Desk()
    large = desk.put([128] * 200)
    smalls = [desk.put([128] * 5) for _ in range(4)]
    served = 0
    for _ in range(100):
        served += tokens([row for row in desk.batch() if row.job is large])
        smalls = [desk.put([128] * 5) if small.settled(0) else small for small in smalls]
    assert served >= 100 * BUDGET / 8  # a fifth would be its share


def test_a_higher_priority_goes_first() -> None:
    desk = Desk()
    low = desk.put([128] * 50)
    high = desk.put([128] * 16, priority=1)
    rows = [row for _ in range(2) for row in desk.batch()]
    assert {row.job for row in rows} == {high}
    assert {row.job for row in desk.batch()} == {low}


def test_different_models_are_never_in_one_batch() -> None:
    desk = Desk(streams=2)
    jobs = [desk.put([50] * 30, logits) for logits in (halves, thirds) * 3]
    for batch in desk.rest():
        assert len({row.job.logits for row in batch}) == 1
    for job in jobs:
        assert values(job) == job.logits([Piece(50, float(n)) for n in range(30)]).tolist()


def test_a_deadline_that_has_passed_starts_nothing_more() -> None:
    desk = Desk()
    job = desk.put([512] * 10, until=5.0)
    other = desk.put([512] * 6)
    assert {row.job for _ in range(2) for row in desk.batch()} == {job, other}
    desk.now = 5.0
    assert {row.job for batch in desk.rest() for row in batch} <= {other}
    done = job.done(0.0)
    assert done.late
    assert 0 < done.computed.sum() < 10
    assert np.isnan(done.logits[~done.computed]).all()
    assert desk.queue.tokens == 0


def test_batches_shrink_to_the_time_that_is_left() -> None:
    desk = Desk()
    desk.cost.learn(1000, 1.0)
    job = desk.put([128] * 20, until=1.5)
    for _ in range(20):
        batch = desk.take()
        desk.now += desk.cost.seconds(tokens(batch))
        if not batch:
            break
        desk.serve(batch)
    done = job.done(0.0)
    assert desk.now <= 1.5
    assert done.computed.tolist() == [True] * 11 + [False] * 9  # 11 × 128 tokens in 1.5 s, those given first


def test_what_a_hurried_job_leaves_out_of_a_batch_is_computed_for_the_others() -> None:
    desk = Desk()
    desk.cost.learn(1000, 1.0)
    hurried, other = desk.put([128] * 4, until=0.3), desk.put([128] * 4)
    first = desk.batch()
    assert {row.job for row in first} == {hurried}
    assert len(first) == 2
    desk.now = 0.3
    desk.rest()
    assert hurried.done(0.0).computed.sum() == 2
    assert values(other) == [0.0, 0.5, 1.0, 1.5]


def test_the_first_batch_before_a_deadline_is_small_while_nothing_is_known_of_the_cost() -> None:
    desk = Desk()
    desk.put([128] * 8, until=1.0)
    assert len(desk.batch()) == 1


def test_a_job_that_left_costs_nothing_more() -> None:
    desk = Desk()
    job, other = desk.put([128] * 50), desk.put([128] * 5)
    desk.queue.leave(job)
    assert {row.job for batch in desk.rest() for row in batch} == {other}
    assert job.done(0.0).cancelled
    assert job.settled(0)


def test_whose_caller_is_gone_leaves_before_the_next_batch() -> None:
    desk = Desk()
    gone = False
    job = desk.queue.enter(halves, until=None, priority=0, gone=lambda: gone)
    desk.queue.put(job, [Piece(512, 0.0)] * 6)
    desk.batch()
    gone = True
    assert desk.rest() == []
    assert job.done(0.0).computed.sum() == 2


def test_an_error_of_gone_reaches_its_own_caller_alone() -> None:
    desk = Desk()

    def broken() -> bool:
        raise InputError("who?")

    job = desk.queue.enter(halves, until=None, priority=0, gone=broken)
    desk.queue.put(job, [Piece(512, 0.0)] * 6)
    other = desk.put([512] * 3)
    desk.rest()
    with pytest.raises(InputError, match="who"):
        desk.queue.wait(job, 0)
    assert values(other) == [0.0, 0.5, 1.0]


def picky(pieces: Sequence[Piece]) -> NDArray[np.float32]:
    if any(piece.inputs < 0 for piece in pieces):
        raise InputError("a negative piece")
    return halves(pieces)


def test_one_bad_job_does_not_fail_those_that_share_its_batch() -> None:
    desk = Desk()
    good = desk.put([100] * 3, picky)
    bad = desk.queue.enter(picky, until=None, priority=0, gone=None)
    desk.queue.put(bad, [Piece(100, -1.0)])
    assert {row.job for row in desk.batch()} == {good, bad}
    desk.rest()
    with pytest.raises(InputError, match="negative"):
        desk.queue.wait(bad, 0)
    desk.queue.wait(good, 0)
    assert values(good) == [0.0, 0.5, 1.0]


def test_a_full_queue_refuses_at_once_and_says_when_to_come_again() -> None:
    desk = Desk(streams=2, capacity=4096)
    desk.cost.learn(BUDGET, 0.5)
    waiting = desk.put([128] * 30)
    with pytest.raises(Overloaded, match=r"3840 tokens wait, and there is room for 4096") as refused:
        desk.put([128] * 5)
    assert refused.value.retry_after == pytest.approx(1.0)
    desk.queue.put(waiting, [Piece(128, 0.0)] * 30)  # who was let in may go on
    with pytest.raises(Overloaded):
        desk.queue.enter(halves, until=None, priority=0, gone=None)  # before it makes any pieces
    desk.rest()
    desk.put([128] * 100)  # an empty queue takes what comes, else it could never be computed


def test_those_who_left_make_room() -> None:
    desk = Desk(capacity=2048)
    desk.put([128] * 16, until=1.0)
    desk.now = 2.0
    desk.put([128] * 16)
    assert desk.queue.tokens == 2048


def test_time_is_booked_to_the_queue_or_to_the_model() -> None:
    desk = Desk()
    job = desk.put([500, 500])
    desk.now = 3.0
    batch = desk.take()
    desk.now = 5.0
    desk.serve(batch)
    spent = job.done(0.25).spent
    assert (spent.queued, spent.inferring, spent.tokenising) == (3.0, 2.0, 0.25)
    assert (spent.batches, spent.padded_tokens, spent.real_tokens) == (1, 1008, 1000)


Lengths = st.lists(st.integers(1, 1500), max_size=30)


@settings(deadline=None, max_examples=60)
@given(
    jobs=st.lists(st.tuples(Lengths, Lengths, st.integers(0, 2), st.sampled_from([halves, thirds, picky])), max_size=8),
    streams=st.integers(1, 3),
)
def test_nothing_is_lost_or_mixed_up_whatever_comes_when(
    jobs: list[tuple[list[int], list[int], int, Logits]], streams: int
) -> None:
    """Two windows a job, put in between batches; of jobs that read with `picky`, every second has a bad piece."""
    desk = Desk(streams=streams)
    expected: dict[Job, list[float] | None] = {}
    later: list[tuple[Job, list[Piece]]] = []
    for number, (first, second, priority, logits) in enumerate(jobs):
        pieces = [Piece(length, float(at), at % 3 or None) for at, length in enumerate([*first, *second])]
        bad = logits is picky and number % 2 == 1 and bool(pieces)
        if bad:
            pieces[-1] = Piece(9, -1.0)
        job = desk.queue.enter(logits, until=None, priority=priority, gone=None)
        desk.queue.put(job, pieces[: len(first)])
        later.append((job, pieces[len(first) :]))
        expected[job] = None if bad else logits(pieces).tolist()
        if number % 2:
            desk.batch()
    for job, pieces in later:
        desk.batch()
        desk.queue.put(job, pieces)
    desk.rest()
    assert desk.queue.tokens == 0
    for job, logits_of in expected.items():
        assert job.settled(0)
        if logits_of is None:
            assert isinstance(job.error, InputError)
        else:
            assert values(job) == logits_of
            assert job.done(0.0).computed.all()
