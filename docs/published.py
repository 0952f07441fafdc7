"""Writes docs/published.md from published.toml; with --check, only fails if the page is out of date.

Knows tables and claims, nothing of what they are about.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("published.md")
DATA = Path(__file__).with_name("published.toml")
HEAD = """# Published numbers

What others published of rerankers, to hold a measurement against. Nothing here was measured by us: see
[Numbers](numbers.md) for what was. This page is written by `python docs/published.py` from `docs/published.toml`, where
the tables are data.

**Never compare across tables.** The first stage decides as much as the model does: mxbai-rerank-large-v2 has 57.49 on
BEIR after BM25 and 62.45 after a strong embedding model, on fewer sets. A "BEIR average" has been taken over 9, 13, 15,
17 and 18 sets. And after a strong first stage a weak reranker makes things worse: in Qwen's table bge-reranker-v2-m3
has 57.03 where leaving the order alone has 61.82. So a table of yours should have a row without reranking, and one with
the best that any reranker could do with the same candidates.
"""
CLAIMS = """
## What texts say, and what was published

Claims of widely read pages, beside the tables above:

| who | says | published | verdict |
|---|---|---|---|
"""


def data() -> dict[str, Any]:
    """The tables and the claims."""
    return tomllib.loads(DATA.read_text(encoding="utf-8"))


def page() -> str:
    """The whole page."""
    found = data()
    claims = [_line([each["by"], each["says"], each["published"], each["verdict"]]) for each in found["claim"]]
    return HEAD + "".join(section(table) for table in found["table"]) + CLAIMS + "\n".join(claims) + "\n"


def section(table: dict[str, Any]) -> str:
    """One table under its title, with its metric, protocol and source."""
    source = f"[{table['source']}]({table['url']})" if table["url"] else table["source"]
    lines = [
        f"\n## {table['title']}\n",
        f"*{table['metric']}.* {table['protocol']} Source: {source} (read: {table['read']}).\n",
        _line(table["columns"]),
        "|---|" + "---:|" * (len(table["columns"]) - 1),
    ]
    return "\n".join([*lines, *(_row(row, table["digits"]) for row in table["rows"])]) + "\n"


def _row(row: list[Any], digits: list[int]) -> str:
    return _line([_cell(value, places) for value, places in zip(row, digits, strict=True)])


def _cell(value: Any, digits: int) -> str:
    if value == "":
        return "–"
    return f"{value:.{digits}f}" if digits else str(value)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def is_current() -> bool:
    """Whether the page is what would be written now."""
    return PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(0 if is_current() else f"{PAGE.name} is out of date: run python docs/published.py")
    PAGE.write_text(page(), encoding="utf-8")
