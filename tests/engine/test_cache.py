import os
import threading
import time
import tracemalloc
from collections import OrderedDict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.engine.cache import ENTRY_BYTES, Keys, Known, ScoreCache
from secondpass.errors import InputError
from secondpass.models.scorer import Declared
from secondpass.text.encode import Limits

MODEL = Declared(name="model", version="weights-1", renderer=1, max_tokens=512)


def known(logit: float) -> Known:
    return Known(logit, 10, False, 1)


def room_for(entries: int) -> ScoreCache:
    return ScoreCache(entries * ENTRY_BYTES)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60), st.integers(1, 6))
def test_it_keeps_what_was_used_last(steps: list[tuple[int, bool]], entries: int) -> None:
    cache, expected = room_for(entries), OrderedDict[int, float]()
    for number, (name, write) in enumerate(steps):
        key = bytes([name])
        if write:
            cache.put(key, known(number))
            expected[name] = number
            expected.move_to_end(name)
            if len(expected) > entries:
                expected.popitem(last=False)
        else:
            found = cache.get(key)
            assert (found and found.logit) == expected.get(name)
            if name in expected:
                expected.move_to_end(name)
    assert len(cache) == len(expected)


def test_it_counts_hits_and_misses() -> None:
    cache = room_for(2)
    cache.put(b"a", known(1))
    assert (cache.get(b"a"), cache.get(b"b"), cache.get(b"a")) == (known(1), None, known(1))
    assert (cache.hits, cache.misses) == (2, 1)
    cache.clear()
    assert cache.get(b"a") is None


def test_it_takes_no_more_memory_than_it_may() -> None:
    keys = Keys(MODEL, Limits(), "query", None)
    tracemalloc.start()
    cache, most = ScoreCache(2**20), 2**20 // ENTRY_BYTES
    for number in range(2 * most):
        cache.put(keys.key(str(number)), Known(number / 7, 1000 + number, False, 1))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(cache) == most
    assert 2**18 < taken <= 2**20


def test_no_room_for_one_entry_is_refused() -> None:
    with pytest.raises(InputError, match="max_bytes=1"):
        ScoreCache(1)


def test_every_part_that_can_move_a_score_makes_another_key() -> None:
    told = [
        Keys(MODEL, Limits(), "query", None).key("text"),
        Keys(MODEL, Limits(), "query", None).key("texts"),
        Keys(MODEL, Limits(), "other", None).key("text"),
        Keys(MODEL, Limits(), "query", "newest first").key("text"),
        Keys(MODEL, Limits(), "query", "").key("text"),
        Keys(MODEL, Limits(policy="chunk"), "query", None).key("text"),
        Keys(MODEL, Limits(max_tokens=128), "query", None).key("text"),
        Keys(replace(MODEL, version="weights-2"), Limits(), "query", None).key("text"),
        Keys(replace(MODEL, name="other"), Limits(), "query", None).key("text"),
    ]
    assert len(set(told)) == len(told)
    assert told[0] == Keys(MODEL, Limits(), "query", None).key("text")


@given(*[st.text(st.characters(), max_size=4)] * 3, st.integers(0, 4), st.integers(0, 4))
def test_text_cannot_pass_from_one_part_into_the_next(query: str, told: str, text: str, cut: int, end: int) -> None:
    moved = (query + told)[:cut], (query + told)[cut:] + text[:end], text[end:]
    same = moved == (query, told, text)
    assert (Keys(MODEL, Limits(), query, told).key(text) == Keys(MODEL, Limits(), *moved[:2]).key(moved[2])) == same


def test_lone_surrogates_have_keys() -> None:
    assert Keys(MODEL, Limits(), "\ud800", None).key("\udfff") != Keys(MODEL, Limits(), "\udfff", None).key("\ud800")


def test_several_threads_share_one_cache() -> None:
    cache = room_for(50)

    def work(start: int) -> None:
        for number in range(start, start + 400):
            key = number % 70
            found = cache.get(bytes([key]))
            assert found is None or found.logit == key
            cache.put(bytes([key]), known(key))

    threads = [threading.Thread(target=work, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) == 50
    assert cache.hits + cache.misses == 8 * 400


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_uses_it_though_its_parent_held_the_lock() -> None:
    cache = room_for(2)
    with cache._lock:
        child = os.fork()
        if child == 0:
            cache.put(b"a", known(1))
            os._exit(0 if cache.get(b"a") == known(1) else 1)
    deadline = time.monotonic() + 20
    while (done := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert done == (child, 0)
