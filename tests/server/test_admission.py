from __future__ import annotations

import pytest

from secondpass.errors import Overloaded
from secondpass.server.admission import Admission


def test_more_than_there_is_room_for_is_refused_at_once() -> None:
    admission = Admission(100, now=lambda: 0.0)
    with admission.admitted(300):
        with pytest.raises(Overloaded) as told, admission.admitted(200):
            pass
        assert told.value.retry_after is not None
        with admission.admitted(40):
            assert admission.requests == 2
    assert admission.tokens == admission.requests == 0


def test_one_that_comes_alone_is_let_in_however_large() -> None:
    with Admission(10).admitted(10_000):
        pass


def test_a_failure_makes_room_too() -> None:
    admission = Admission(10)
    with pytest.raises(ValueError, match="of its own"), admission.admitted(4):
        raise ValueError("of its own")
    assert admission.tokens == 0
