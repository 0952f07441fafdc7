"""Writes docs/command-line.md from what `--help` says; with --check, only fails if the page is out of date.

Knows no option by name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("command-line.md")
COMMANDS = (
    *("", "rank", "serve", "bench", "models", "datasets", "pull", "convert", "calibrate", "cost", "doctor", "eval"),
)
HEAD = """# Command line

This page is what `secondpass --help` says, written by `python docs/command_line.py`. Results go to stdout and messages
to stderr; [Errors](errors.md#on-the-command-line) explains the exit codes.

- A terminal gets a table that fits it, where `…` marks what did not fit. A pipe gets tab-separated values, with a
  header and nothing cut; tabs and line ends inside a value are written `\\t` and `\\n`.
- `--json` gives one JSON object.
- FILE is read by how its name ends: `.txt` and `.md` as a document a line, `.jsonl` (or `.ndjson`), `.json`, `.csv`,
  `.tsv`; each also with `.gz`. Anything else, and stdin, is recognised by how it begins, or told by `--format`.
- A record with a text field is a document with an id, a title and metadata. One without is ranked whole.
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(
        f"\n## {f'secondpass {name}'.strip()}" + f"\n\n```text\n{helped(name)}\n```\n" for name in COMMANDS
    )


def helped(name: str) -> str:
    """What `secondpass NAME --help` prints, 80 columns wide."""
    command = [sys.executable, "-m", "secondpass", *name.split(), "--help"]
    environment = {**os.environ, "COLUMNS": "80"}
    told = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True).stdout
    return "\n".join(line.rstrip() for line in told.strip().splitlines())


def is_current() -> bool:
    """Whether the page says what `--help` says, but for white space: versions of typer break lines differently."""
    return PAGE.exists() and PAGE.read_text(encoding="utf-8").split() == page().split()


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(0 if is_current() else f"{PAGE.name} is out of date: run python docs/command_line.py")
    PAGE.write_text(page(), encoding="utf-8")
