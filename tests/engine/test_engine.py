import os
import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from secondpass.engine.engine import WINDOW, Engine
from secondpass.errors import InputError
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
        while not engine._closed:
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
    with engine._lock:
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
