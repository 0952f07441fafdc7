import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from secondpass.engine.engine import WINDOW, Engine
from secondpass.errors import InputError, ModelError, Overloaded
from secondpass.models.scorer import Piece


def halves(pieces: Sequence[Piece]) -> NDArray[np.float32]:
    """A scorer whose logit is half of what the piece holds."""
    return np.array([piece.inputs / 2 for piece in pieces], np.float32)


def numbered(lengths: Sequence[int]) -> list[Piece]:
    return [Piece(length, float(number)) for number, length in enumerate(lengths)]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 700), max_size=400), st.integers(1, 3))
def test_logits_come_back_in_the_order_of_the_pieces(lengths: list[int], streams: int) -> None:
    engine = Engine(streams=streams)
    found = engine.run(numbered(lengths), halves)
    engine.close()
    assert found.dtype == np.float32
    assert found.tolist() == [number / 2 for number in range(len(lengths))]


def test_pieces_are_taken_as_they_are_needed() -> None:
    taken, scored, ahead = 0, 0, 0

    def pieces() -> Iterator[Piece]:
        nonlocal taken
        for number in range(2000):
            taken += 1
            yield Piece(512, float(number))

    def slow(batch: Sequence[Piece]) -> NDArray[np.float32]:
        nonlocal scored, ahead
        ahead = max(ahead, taken - scored)
        scored += len(batch)
        return halves(batch)

    engine = Engine(streams=1)
    engine.run(pieces(), slow)
    engine.close()
    assert ahead <= 3 * WINDOW // 512


def test_streams_work_side_by_side() -> None:
    together = threading.Barrier(2, timeout=20)

    def meet(batch: Sequence[Piece]) -> NDArray[np.float32]:
        together.wait()
        return halves(batch)

    engine = Engine(streams=2)
    assert len(engine.run(numbered([1024, 1024]), meet)) == 2
    engine.close()


def test_progress_counts_every_piece() -> None:
    told: list[int] = []
    engine = Engine(streams=2)
    engine.run(numbered([100] * 90), halves, told.append)
    engine.close()
    assert sum(told) == 90


def test_a_failing_batch_fails_the_call_and_leaves_the_engine_usable() -> None:
    def fails(batch: Sequence[Piece]) -> NDArray[np.float32]:
        raise InputError("no such luck")

    engine = Engine(streams=2)
    with pytest.raises(InputError, match="no such luck"):
        engine.run(numbered([300] * 50), fails)
    assert engine.run(numbered([3]), halves).tolist() == [0.0]
    engine.close()


def test_an_error_while_pieces_are_made_comes_through() -> None:
    def pieces() -> Iterator[Piece]:
        yield from numbered([512] * 200)
        raise InputError("document 200 is no text")

    engine = Engine(streams=2)
    with pytest.raises(InputError, match="document 200"):
        engine.run(pieces(), halves)
    engine.close()


def test_several_threads_share_one_engine() -> None:
    engine = Engine(streams=2)
    found: dict[int, list[float]] = {}

    def ask(size: int) -> None:
        found[size] = engine.run(numbered([40] * size), halves).tolist()

    threads = [threading.Thread(target=ask, args=(size,)) for size in range(1, 30, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.close()
    assert all(values == [n / 2 for n in range(size)] for size, values in found.items())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_computes_with_threads_of_its_own() -> None:
    engine = Engine(streams=2)
    engine.run(numbered([10] * 50), halves)
    child = os.fork()
    if child == 0:
        os._exit(0 if engine.run(numbered([10, 20, 30]), halves).tolist() == [0.0, 0.5, 1.0] else 1)
    deadline = time.monotonic() + 20
    while (done := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.02)
    engine.close()
    assert done == (child, 0)


def test_a_closed_engine_says_so() -> None:
    engine = Engine(streams=1)
    engine.close()
    engine.close()
    with pytest.raises(InputError, match="closed"):
        engine.run(numbered([1]), halves)


def test_closing_while_another_thread_computes_is_told_by_name() -> None:
    closing = threading.Event()
    engine = Engine(streams=1)

    def wait(batch: Sequence[Piece]) -> NDArray[np.float32]:
        closing.wait(timeout=20)
        return halves(batch)

    def pieces() -> Iterator[Piece]:
        yield from numbered([512] * (WINDOW // 512 + 1))
        closer.start()
        while not engine._queue._closed:
            time.sleep(0.001)
        closing.set()
        yield from numbered([512] * WINDOW)

    closer = threading.Thread(target=engine.close)
    with pytest.raises(InputError, match="closed"):
        engine.run(pieces(), wait)
    closer.join(timeout=20)
    assert not closer.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_closes_though_its_parent_held_the_lock() -> None:
    engine = Engine(streams=1)
    with engine._queue._lock:
        child = os.fork()
        if child == 0:
            engine.close()
            os._exit(0)
    deadline = time.monotonic() + 20
    while (done := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert done == (child, 0)


def test_no_streams_are_refused() -> None:
    with pytest.raises(InputError, match="streams=0"):
        Engine(streams=0)


class Gate:
    """A scorer that waits at its first batch until told to go on; it notes who shares a batch."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        self.batches: list[list[float]] = []

    def logits(self, pieces: Sequence[Piece]) -> NDArray[np.float32]:
        self.batches.append([piece.inputs for piece in pieces])
        self.reached.set()
        assert self.opened.wait(timeout=20)
        if any(piece.inputs < 0 for piece in pieces):
            raise InputError("a negative piece")
        return halves(pieces)


def at_once(*calls: Callable[[], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    return threads


def until_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_calls_that_come_together_share_batches_and_a_bad_one_fails_alone() -> None:
    gate, engine = Gate(), Engine()
    failed: list[InputError] = []
    found: dict[int, list[float]] = {}

    def ask(number: int) -> None:
        found[number] = engine.run([Piece(100, float(number))] * 3, gate.logits).tolist()

    def ask_badly() -> None:
        try:
            engine.run([Piece(100, -1.0)], gate.logits)
        except InputError as error:
            failed.append(error)

    threads = at_once(lambda: ask(0))
    assert gate.reached.wait(timeout=20)
    threads += at_once(lambda: ask(1), lambda: ask(2), ask_badly)
    until_true(lambda: engine.queued_tokens == 7 * 104)
    gate.opened.set()
    for thread in threads:
        thread.join(timeout=20)
    engine.close()
    assert set(gate.batches[1]) == {1.0, 2.0, -1.0}
    assert found == {number: [number / 2] * 3 for number in range(3)}
    assert len(failed) == 1


def test_past_its_deadline_a_call_gets_what_is_known() -> None:
    now = 0.0

    def second(pieces: Sequence[Piece]) -> NDArray[np.float32]:
        nonlocal now
        now += sum(piece.length for piece in pieces) / 1000
        return halves(pieces)

    taken = 0

    def pieces() -> Iterator[Piece]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield Piece(128, float(number))

    engine = Engine(now=lambda: now)
    done = engine.compute(pieces(), second, until=2.0)
    engine.close()
    assert done.late
    assert len(done.logits) == len(done.computed) == taken < 100
    assert 10 <= done.computed.sum() <= 16
    assert now <= 2.0
    assert done.logits[done.computed].tolist() == [n / 2 for n in np.flatnonzero(done.computed)]
    assert done.spent.inferring == pytest.approx(now)
    assert done.spent.real_tokens == 128 * done.computed.sum()


def test_a_deadline_that_is_far_away_changes_nothing() -> None:
    engine = Engine(streams=2)
    done = engine.compute(numbered(list(range(1, 300))), halves, until=time.monotonic() + 1000)
    engine.close()
    assert not done.late
    assert done.computed.all()
    assert done.logits.tolist() == [n / 2 for n in range(299)]


def test_a_deadline_that_has_passed_takes_no_piece() -> None:
    def pieces() -> Iterator[Piece]:
        raise AssertionError("a piece was asked for")
        yield

    engine = Engine()
    done = engine.compute(pieces(), halves, until=time.monotonic() - 1)
    engine.close()
    assert done.late
    assert done.logits.shape == done.computed.shape == (0,)


def test_a_caller_who_waits_behind_others_gets_away_at_the_deadline() -> None:
    gate, engine = Gate(), Engine()
    threads = at_once(lambda: engine.run(numbered([100]), gate.logits))
    assert gate.reached.wait(timeout=20)
    done = engine.compute(numbered([100] * 5), halves, until=time.monotonic() + 0.05)
    assert done.late
    assert not done.computed.any()
    assert engine.queued_tokens == 0
    gate.opened.set()
    threads[0].join(timeout=20)
    engine.close()


def test_a_caller_who_hung_up_costs_no_batch() -> None:
    gate, engine = Gate(), Engine()
    gone = threading.Event()
    threads = at_once(
        lambda: engine.run(numbered([100]), gate.logits),
        lambda: gate.reached.wait(20) and engine.compute([Piece(100, 7.0)] * 9, gate.logits, gone=gone.is_set),
    )
    until_true(lambda: engine.queued_tokens > 0)
    gone.set()
    gate.opened.set()
    for thread in threads:
        thread.join(timeout=20)
    assert engine.compute(numbered([100]), halves, gone=lambda: True).cancelled
    engine.close()
    assert gate.batches == [[0.0]]


def test_too_much_at_once_is_refused() -> None:
    gate, engine = Gate(), Engine(capacity_tokens=1000)
    threads = at_once(lambda: engine.run(numbered([100]), gate.logits))
    assert gate.reached.wait(timeout=20)
    threads += at_once(lambda: engine.run(numbered([100] * 9), halves))
    until_true(lambda: engine.queued_tokens > 0)
    with pytest.raises(Overloaded, match="room for 1000"):
        engine.run(numbered([100]), halves)
    gate.opened.set()
    for thread in threads:
        thread.join(timeout=20)
    engine.close()


def test_a_scorer_that_gives_too_few_logits_is_found_out() -> None:
    engine = Engine()
    with pytest.raises(ModelError, match="4 pieces gave logits of shape"):
        engine.run(numbered([10] * 4), lambda pieces: halves(pieces[1:]))
    engine.close()


def test_a_call_that_is_interrupted_leaves_nothing_in_the_queue() -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    engine = Engine()
    with pytest.raises(KeyboardInterrupt):
        engine.run(numbered([1024] * 32), halves, stop)
    assert engine.queued_tokens == 0
    engine.close()


def test_there_are_no_threads_before_the_first_call_and_none_once_nobody_holds_the_engine() -> None:
    def streams() -> int:
        return sum(thread.name.startswith("secondpass-") for thread in threading.enumerate())

    gc.collect()
    until_true(lambda: streams() == 0)
    engine = Engine(streams=3)
    assert streams() == 0
    scorer = Gate()
    scorer.opened.set()
    engine.run(numbered([10] * 9), scorer.logits)
    assert streams() == 3
    held = weakref.ref(scorer)
    del scorer
    gc.collect()
    assert held() is None  # waiting streams hold on to no model
    del engine
    gc.collect()
    until_true(lambda: streams() == 0)


AT_EXIT = """
import threading, time, sys
import numpy as np
from secondpass.engine.engine import Engine
from secondpass.models.scorer import Piece

begun = threading.Event()
def slow(pieces):
    begun.set()
    time.sleep(0.2)
    print("computed", flush=True)
    return np.zeros(len(pieces), np.float32)

engine = Engine(streams=2)
idle = Engine(streams=2)
idle.run([Piece(10, None)], lambda pieces: np.zeros(len(pieces), np.float32))
threading.Thread(target=engine.run, args=([Piece(1024, None)] * 1000, slow), daemon=True).start()
begun.wait()
"""


def test_a_process_ends_with_the_batches_under_way() -> None:
    ended = subprocess.run([sys.executable, "-c", AT_EXIT], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 0
    assert 1 <= ended.stdout.count("computed") <= 2


@settings(deadline=None, max_examples=15)
@given(st.lists(st.lists(st.integers(1, 700), max_size=60), max_size=8), st.integers(1, 3))
def test_every_call_gets_its_own_logits_whoever_asks_beside_it(calls: list[list[int]], streams: int) -> None:
    engine = Engine(streams=streams, budget=512)
    found: dict[int, list[float]] = {}

    def ask(number: int) -> None:
        pieces = [Piece(length, float(at + 1000 * number)) for at, length in enumerate(calls[number])]
        found[number] = engine.run(pieces, halves).tolist()

    for thread in at_once(*(partial(ask, number) for number in range(len(calls)))):
        thread.join(timeout=20)
    engine.close()
    expected = {n: [(at + 1000 * n) / 2 for at in range(len(lengths))] for n, lengths in enumerate(calls)}
    assert found == expected
