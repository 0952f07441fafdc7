from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from secondpass import __version__
from tests.cli.conftest import Command


def test_the_version_is_one_line(secondpass: Command) -> None:
    ran = secondpass("--version")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"secondpass {__version__}\n", "")


def test_help_names_every_subcommand(secondpass: Command) -> None:
    helped = secondpass("--help").stdout
    assert all(f"\n  {name} " in helped for name in ("rank", "bench", "models", "pull", "doctor"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rank"], "Missing argument 'QUERY'"),
        (["rank", "q", "--top", "0"], "--top"),
        (["rank", "q", "--min-score", "2"], "--min-score"),
        (["rank", "q", "--policy", "shorten"], "--policy"),
        (["rank", "q", "--format", "xml"], "--format"),
        (["rank", "q", "--nonsense"], "--nonsense"),
        (["rank", "q", "no-such-file.txt"], "no-such-file.txt cannot be read: No such file"),
        (["rank", "q", "."], "cannot be read"),
        (["nonsense"], "nonsense"),
    ],
)
def test_input_that_cannot_be_used_is_named_and_exits_2(
    secondpass: Command, arguments: list[str], message: str
) -> None:
    ran = secondpass(*arguments)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert message in ran.stderr


def test_no_documents_on_stdin_exits_2(secondpass: Command) -> None:
    ran = secondpass("rank", "q", stdin="")
    assert ran.returncode == 2
    assert "There are no documents in stdin" in ran.stderr


def test_a_model_that_is_not_there_exits_1(secondpass: Command) -> None:
    ran = secondpass("rank", "q", "--model", "./no-such-folder", stdin="a document\n")
    assert ran.returncode == 1
    assert "no-such-folder" in ran.stderr
    assert ran.stderr.startswith("secondpass: ")


def test_a_defect_is_a_message_and_a_traceback_only_on_request(tmp_path: Path) -> None:
    # A module that shadows one that the command needs stands in for a defect.
    (tmp_path / "tomllib.py").write_text("raise ZeroDivisionError('by nought')\n")
    plain, traced = shadowed(tmp_path), shadowed(tmp_path, SECONDPASS_TRACEBACK="1")
    assert plain.returncode == 1
    assert plain.stderr.startswith("secondpass: unexpected ZeroDivisionError: by nought. Set SECONDPASS_TRACEBACK=1")
    assert "Traceback" in traced.stderr


def shadowed(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "secondpass", "models"],
        env={**os.environ, **environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_starting_the_command_loads_nothing_heavy() -> None:
    code = "import secondpass.cli.app, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"huggingface_hub", "numpy", "onnxruntime", "openvino", "rich", "tokenizers", "torch"} & set(loaded)
