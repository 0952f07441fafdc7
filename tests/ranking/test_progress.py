import sys

import pytest

from secondpass.ranking.progress import Bar


def test_no_bar_is_shown_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar(10) as bar:
        bar.advance(10)
    with Bar(10, show=False) as bar:
        bar.advance(10)
    assert capsys.readouterr().err == ""


def test_a_bar_that_is_asked_for_counts_even_without_a_known_total(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the captured stderr for a terminal then
    with Bar(None, show=True) as bar:
        bar.advance(7)
    assert "7/?" in capsys.readouterr().err


def test_a_program_without_stderr_ranks_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with Bar(1) as bar:
        bar.advance(1)
