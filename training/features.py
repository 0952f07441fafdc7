"""Lexical evidence of every pair in the training lists, computed as the shipped model computes it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from secondpass.models.embedded.evidence import FEATURES, DocumentEvidence, IdfTable, QueryEvidence


def main() -> None:
    """For each lists file write `NAME.features.npy`: (pairs in the order of the lists) × features, float32."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=Path, default=Path("build/lists"))
    parser.add_argument("--out", type=Path, default=Path("build/states"))
    parser.add_argument("--idf", type=Path, default=Path("build/idf.npz"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    table = IdfTable.from_file(options.idf)
    for path in sorted(options.lists.glob("*.json")):
        held = json.loads(path.read_text())
        documents: dict[int, DocumentEvidence] = {}
        out = np.empty((sum(len(row[2]) for row in held["lists"]), len(FEATURES)), np.float32)
        at = 0
        for query, instruction, candidates, *_ in held["lists"]:
            asked = QueryEvidence(query, instruction, table)
            for document in candidates:
                if document not in documents:
                    documents[document] = DocumentEvidence.of(held["texts"][document], table)
                out[at] = asked.features(documents[document])
                at += 1
        np.save(options.out / f"{path.stem}.features.npy", out)
        sys.stderr.write(f"{path.stem}: {len(out)} pairs\n")


if __name__ == "__main__":
    main()
