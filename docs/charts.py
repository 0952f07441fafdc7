"""Draws docs/quality.svg and docs/speed.svg from what the benchmarks recorded in benchmarks/results.

Bars alone: a name, a length, a number. Knows nothing of how they were measured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
WIDTH, LABEL, BAR, GAP, TOP = 860, 300, 15, 10, 64
OURS, OTHERS, FIRST = "#d9480f", "#868e96", "#ced4da"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `value` sets its length, `shown` stands behind it."""

    value: float
    shown: str
    colour: str


def chart(title: str, note: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """An SVG of horizontal bars, a group of them under each name."""
    greatest = max(bar.value for _, bars in groups for bar in bars)
    scale = (WIDTH - LABEL - 70) / greatest
    parts, y = [], TOP
    for name, bars in groups:
        middle = y + len(bars) * BAR / 2 + 4
        parts.append(f'<text x="{LABEL - 10}" y="{middle:.0f}" text-anchor="end">{escape(name)}</text>')
        for bar in bars:
            length = bar.value * scale
            parts.append(f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{bar.colour}"/>')
            parts.append(f'<text x="{LABEL + length + 6:.1f}" y="{y + 11}" class="n">{escape(bar.shown)}</text>')
            y += BAR
        y += GAP
    head = f'<text x="12" y="24" class="t">{escape(title)}</text><text x="12" y="44" class="n">{escape(note)}</text>'
    style = "text{font:13px sans-serif;fill:#212529}.t{font-weight:bold;font-size:15px}.n{font-size:11px;fill:#495057}"
    size = f'viewBox="0 0 {WIDTH} {y + 6}" width="{WIDTH}" height="{y + 6}"'
    body = "\n".join([f"<style>{style}</style>", '<rect width="100%" height="100%" fill="#fff"/>', head, *parts])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n{body}\n</svg>\n'


def quality() -> str:
    """nDCG@10 by collection: the first stage, the fusion with the cosine, the embedded model."""
    rows = json.loads((RESULTS / "quality.json").read_text(encoding="utf-8"))["results"]
    colours = {"BM25": FIRST, "RRF": OTHERS, "embedded int8": OURS}
    by_set: dict[str, list[Bar]] = {}
    for method, colour in colours.items():
        for row in rows:
            if row["method"] == method:
                by_set.setdefault(row["set"], []).append(Bar(row["mean"], f"{row['mean']:.3f}", colour))
    note = (
        "BM25 alone (light), fused with the cosine of all-MiniLM-L6-v2 (grey), reranked by the embedded model (orange)"
    )
    return chart("nDCG@10, BM25's best 50 reordered", note, list(by_set.items()))


def speed() -> str:
    """Median seconds for 100 documents, by contender."""
    rows = json.loads((RESULTS / "engine.json").read_text(encoding="utf-8"))["rows"]
    groups = [
        (row["name"], [Bar(row["median"], f"{row['median']:.2f} s", OURS if "secondpass" in row["name"] else OTHERS)])
        for row in rows
        if "embedded" not in row["name"]
    ]
    note = "The same MiniLM-L6 cross-encoder weights, mean 129 tokens, two cores; shorter is better"
    return chart("Seconds for 100 documents", note, groups)


CHARTS = {"quality.svg": quality, "speed.svg": speed}


def main() -> None:
    for name, draw in CHARTS.items():
        (ROOT / "docs" / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
