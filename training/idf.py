"""The frozen idf table: document frequencies averaged over collections, so that no large one dominates."""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter, defaultdict
from pathlib import Path

from secondpass.models.embedded.evidence import IdfTable
from secondpass.text.lexical import terms

LEAST_COUNT = 6
FLOOR = 1e-5


def table(collections: list[list[str]]) -> IdfTable:
    """idf(t) = −ln(mean over collections of the share of documents that hold t, plus a floor)."""
    share: defaultdict[str, float] = defaultdict(float)
    seen: Counter[str] = Counter()
    for texts in collections:
        counts = Counter(term for text in texts for term in set(terms(text)))
        seen.update(counts)
        for term, count in counts.items():
            share[term] += count / len(texts) / len(collections)
    values = {
        t: -math.log(min(1.0, s + FLOOR)) for t, s in share.items() if seen[t] >= LEAST_COUNT and not t[0].isdigit()
    }
    return IdfTable(values, -math.log(2 * FLOOR))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=Path, default=Path("build/lists"))
    parser.add_argument("--out", type=Path, default=Path("build/idf.npz"))
    options = parser.parse_args()
    made = table([json.loads(path.read_text())["texts"] for path in sorted(options.lists.glob("*.json"))])
    made.save(options.out)


if __name__ == "__main__":
    main()
