"""Writes docs/examples.md: the requests under examples/ with the rankings that the embedded model gives them.

Knows files and the reranker. What is printed is the order alone: logits differ a little between machines.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import secondpass
from secondpass.types import Ranking

PAGE = Path(__file__).with_name("examples.md")
EXAMPLES = PAGE.parent.parent / "examples"
HEAD = """# Examples

Requests as people write them, with what comes first. The files lie under `examples/`; this page is written by
`python docs/examples.py`, and a test runs every request. Each is a query, its documents, and at times an instruction
and the day on which it is asked.
"""
PARTS = {
    "novel": ("A question", "The document that answers it comes first, the other one about its author second."),
    "skincare": (
        "Documents in five languages",
        "The five documents about skin care come before those about makeup. The embedded model reads English, so the "
        "others\nare read once more by [a glossary](languages.md).",
    ),
    "sales": (
        "Sources that contradict each other",
        "Sources, types and dates are in the documents' metadata. The order follows the [rules](instructions.md) that "
        "were\nunderstood.",
    ),
    "forecasts": (
        "Forecasts",
        "Here they are in the first lines of each text.",
    ),
}
CODE = """```python
import json
from pathlib import Path

import secondpass

request = json.loads(Path("examples/{name}.json").read_text(encoding="utf-8"))
with secondpass.load() as reranker:
    ranking = reranker.rank(
        request["query"], request["documents"], instruction=request["instruction"], now=request.get("now")
    )
for rule in ranking.rules:
    print(rule)
for hit in ranking[:{shown}]:
    print(hit.index, hit.text.splitlines()[-1])
```"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def is_current() -> bool:
    """Whether the page says what the requests give now."""
    return PAGE.read_text(encoding="utf-8") == page()


def page() -> str:
    """The whole page."""
    with secondpass.load() as reranker:
        return "\n".join([HEAD, *(section(name, reranker) for name in PARTS)])


def section(name: str, reranker: secondpass.Reranker) -> str:
    """One request, as code and as printed."""
    title, text = PARTS[name]
    request = read(name)
    shown = len(request["top"]) if "top" in request else 2
    ranking = rank(reranker, request)
    printed = [*map(str, ranking.rules), *(f"{hit.index} {hit.text.splitlines()[-1]}" for hit in ranking[:shown])]
    asked = f"> {request['query']}\n" + (f">\n> {request['instruction']}\n" if request["instruction"] else "")
    answer = "\n".join(printed)
    return f"## {title}\n\n{asked}\n{text}\n\n{CODE.format(name=name, shown=shown)}\n\n```text\n{answer}\n```\n"


def read(name: str) -> dict[str, Any]:
    """A request of examples/."""
    request: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return request


def rank(reranker: secondpass.Reranker, request: dict[str, Any]) -> Ranking:
    """What becomes of a request."""
    return reranker.rank(
        request["query"], request["documents"], instruction=request["instruction"], now=request.get("now")
    )


if __name__ == "__main__":
    main()
