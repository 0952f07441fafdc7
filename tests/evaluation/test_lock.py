"""One process at a time in a folder, whatever became of the one before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.lock import LOCK, held

HOLD = """
import sys
from pathlib import Path
from secondpass.evaluation.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_who_holds_the_folder_until_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(InputError, match=f"written by the process {first.pid}: wait for it or end it"),
            held(tmp_path),
        ):
            pass
        first.kill()
        first.wait()
        assert (tmp_path / LOCK).read_text() == f"{first.pid}\n"  # what a dead process left
        with held(tmp_path):
            pass
    assert (tmp_path / LOCK).read_text() == ""


def test_a_folder_can_be_held_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), held(tmp_path / "new"):
        raise ValueError("inside")
    with held(tmp_path / "new"):
        pass
