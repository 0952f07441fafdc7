"""Draws docs/rank.svg: the README's command as a terminal shows it.

Runs the real command in a pseudo-terminal; knows neither its output nor its model.
"""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
COMMAND = 'secondpass rank "can the police search my house?" examples/amendments.jsonl --top 5'
COLUMNS = 100


def shown(command: str) -> str:
    """What a terminal of COLUMNS columns shows of a command, escape codes included."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "LINES": "40", "TERM": "xterm-256color"}
    arguments = [sys.executable, "-m", *shlex.split(command)]
    with subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=follower) as process:
        os.close(follower)
        parts = []
        while part := _read(leader):
            parts.append(part)
    if process.returncode:
        raise SystemExit(f"{command}: exit code {process.returncode}")
    return b"".join(parts).decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux reports the end of a pseudo-terminal so
        return b""


def draw(path: Path) -> None:
    """Write the picture."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere)
        console.print(Text(f"$ {COMMAND}", style="bold"))
        console.print(Text.from_ansi(shown(COMMAND)), soft_wrap=True)
        path.write_text(console.export_svg(title="secondpass"), encoding="utf-8")


if __name__ == "__main__":
    draw(Path(__file__).with_name("rank.svg"))
