"""Runs a script in a process of its own, for what must not happen twice in one: forks, first uses, missing modules."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import secondpass

_SOURCE = str(Path(secondpass.__file__).parent.parent)


def run_python(script: str, *arguments: str | Path, timeout: float = 60) -> str:
    """What the script printed. Fails where it fails, or takes longer than `timeout` seconds."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([_SOURCE, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout
