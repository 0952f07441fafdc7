"""The page on long documents says what the benchmark's record has."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_page_has_the_figures_that_were_recorded() -> None:
    page = (ROOT / "docs" / "long-documents.md").read_text(encoding="utf-8")
    found = json.loads((ROOT / "benchmarks" / "results" / "long_documents.json").read_text(encoding="utf-8"))
    assert found["date"] in page
    papers, news = (found["collections"][name]["ways"] for name in ("covidqa_long", "time"))
    for one, other in zip(papers, news, strict=True):
        if one["joined"] not in ("mean", "first"):
            values = (f"{way['ndcg10']:.3f}".replace("0.", ".") for way in (one, other))
            row = next(line for line in page.splitlines() if line.startswith(f"| {one['read']} | {one['joined']} |"))
            assert all(value in row for value in values)
