"""Writes docs/clients.md from build/clients.json, which `pytest -m clients` wrote.

Knows the table of clients and what came of them; runs none of them.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = Path(__file__).with_name("clients.md")
CLIENTS = ROOT / "tests" / "clients" / "clients.toml"
RESULTS = ROOT / "build" / "clients.json"
HEAD = """# Clients that were tried

Other people's clients, as PyPI and npm have them, each kind in an environment of its own, against a real process of
`secondpass serve` on loopback with the embedded model. `pytest -m clients` runs them; `python docs/clients.py` writes
this page of those that passed. Machine: 2 cores, AMD EPYC.

Each gets the list of `examples/novel.json`. The order has to be the library's, and so have the scores, within 0.01.
*Errors*: what the client's own exception is for a wrong key (401), too many documents (422, or 400 where the family has
that) and a key that has used up its requests (429). It has the server's words in it, unless a star says that the client
keeps none; `Refused` stands for a failure that the client gives back as a value. *Waits*: the seconds from a 429 to the
right answer where the client tried again by itself.

| client | version | pointed by | path | errors | waits | date |
|---|---|---|---|---|---|---|
"""


def page() -> str:
    """The whole page. Raises `KeyError` for a client that was not run."""
    rows = tomllib.loads(CLIENTS.read_text(encoding="utf-8"))["clients"]
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    return HEAD + "\n".join(_line(row, found[row["name"]]) for row in rows) + "\n"


def _line(row: dict[str, Any], found: dict[str, Any]) -> str:
    mute = row.get("mute", ())
    errors = ", ".join(
        f"{status} `{kind}`{'*' * (int(status) in mute)}" for status, kind in row.get("errors", {}).items()
    )
    waits = "" if found["waited"] is None else f"{found['waited']:.1f}"
    cells = [row["name"], found["version"], f"`{row['pointed']}`", f"`{found['path']}`", errors, waits, found["date"]]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
