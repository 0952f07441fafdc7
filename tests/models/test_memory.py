from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.models.memory import OVERHEAD, Memory


def entry(size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.zeros(size, np.uint8)


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    memory = Memory(3 * (OVERHEAD + 10))
    for key in (b"a", b"b", b"c"):
        memory.put(key, entry(10))
    memory.get(b"a")
    memory.put(b"d", entry(10))
    assert memory.get(b"b") is None
    assert all(memory.get(key) is not None for key in (b"a", b"c", b"d"))


def test_nothing_is_kept_where_the_limit_is_0() -> None:
    memory = Memory(0)
    memory.put(b"a", entry(0))
    assert memory.get(b"a") is None
    assert (len(memory), memory.used) == (0, 0)


def test_an_entry_larger_than_all_the_room_leaves_the_others() -> None:
    memory = Memory(OVERHEAD + 10)
    memory.put(b"a", entry(10))
    memory.put(b"b", entry(11))
    assert memory.get(b"a") is not None
    assert memory.get(b"b") is None


@given(puts=st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.integers(0, 2000)), max_size=30))
def test_never_more_than_the_limit_is_used_and_what_is_used_is_the_entries(puts: list[tuple[bytes, int]]) -> None:
    memory = Memory(3000)
    for key, size in puts:
        memory.put(key, entry(size))
        assert memory.used <= memory.limit
    kept = [memory.get(key) for key in (b"a", b"b", b"c", b"d")]
    assert memory.used == sum(each.nbytes + OVERHEAD for each in kept if each is not None)
    memory.clear()
    assert (len(memory), memory.used) == (0, 0)


def test_a_limit_below_0_is_refused() -> None:
    with pytest.raises(InputError, match="-1 bytes"):
        Memory(-1)


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="only POSIX forks")
def test_a_forked_child_starts_with_nothing_and_does_not_wait_for_its_parent() -> None:
    import multiprocessing

    memory = Memory(10_000)
    memory.put(b"a", entry(10))
    with memory._lock:  # as if another thread of the parent were in the middle of something
        child = multiprocessing.get_context("fork").Process(target=_kept_nothing, args=(memory,))
        child.start()
        child.join(20)
    assert child.exitcode == 0
    assert memory.get(b"a") is not None


def _kept_nothing(memory: Memory) -> None:
    assert memory.get(b"a") is None
    memory.put(b"b", entry(1))
    assert memory.get(b"b") is not None
