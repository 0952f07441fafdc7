"""The page on hybrids says what the benchmark's record has."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROW = re.compile(r"^\| `((?:hybrid\(.*\))|embedded[\w-]*)` \| (\.\d{3}) \|", re.M)


def test_the_page_on_hybrids_has_the_means_that_were_measured() -> None:
    means = json.loads((ROOT / "benchmarks" / "results" / "families.json").read_text(encoding="utf-8"))["means"]
    rows = ROW.findall((ROOT / "docs" / "hybrid.md").read_text(encoding="utf-8"))
    assert len(rows) >= 9
    assert dict(rows) == {name: f"{means[name]:.3f}"[1:] for name, _ in rows}
