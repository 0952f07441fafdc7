from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.hosted.retry import Deadline, Patience, World, retry_after
from tests.hosted.conftest import NOW, Clock


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("12", 12.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Fri, 20 Nov 2026 12:01:00 GMT", 60.0),
        ("Fri, 20 Nov 2026 13:01:00 +0100", 60.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.integers(1, 2000), st.none() | st.floats(0, 1e6), st.floats(0, 1, exclude_max=True))
def test_waits_are_bounded_but_never_shorter_than_asked(attempt: int, asked: float | None, chance: float) -> None:
    patience = Patience()
    wait = patience.wait(min(attempt, 1000), asked, chance)
    assert wait >= (asked or 0)
    assert patience.first_wait_s / 2 <= wait <= max(patience.longest_wait_s, asked or 0)


def test_waits_double_until_the_longest() -> None:
    waits = [Patience().wait(attempt, None, 0.999999) for attempt in range(1, 9)]
    assert waits == pytest.approx([0.5, 1, 2, 4, 8, 16, 20, 20], rel=1e-3)


def test_a_deadline_counts_down() -> None:
    clock = Clock()
    deadline = Deadline(10, clock.world())
    deadline.sleep(4)
    assert deadline.left() == 6
    deadline.sleep(40)
    assert deadline.left() == 0


def test_calling_off_ends_a_wait() -> None:
    deadline = Deadline(1000, World())
    waiting = threading.Thread(target=deadline.sleep, args=(60,))
    waiting.start()
    deadline.call_off()
    waiting.join(5)
    assert not waiting.is_alive()
    assert deadline.called_off
