"""Development lists, in the form of the training lists: BM25's best 50 of the committed samples. Never trained on."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.first_stage import bm25
from secondpass.evaluation.sample import read_sample, take
from secondpass.text.render import render


def rows(collection: Collection) -> dict[str, object]:
    """Texts, and a row a query: query, instruction, candidates, their grades, the ideal DCG@10 over all judgements."""
    texts = [render(document) for document in collection.documents.values()]
    number = {document: i for i, document in enumerate(collection.documents)}
    made = []
    for key, candidates in bm25(collection, texts).run.items():
        judged, query = collection.qrels[key], collection.queries[key]
        best = sorted(judged.values(), reverse=True)[:10]
        ideal = sum(grade / math.log2(rank + 2) for rank, grade in enumerate(best))
        grades = [judged.get(document, 0) for document in candidates]
        made.append([query.text, query.instruction, [number[d] for d in candidates], grades, ideal])
    return {"texts": texts, "lists": made}


def main() -> None:
    """Write one JSON file a sampled collection."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/dev"))
    parser.add_argument("--samples", type=Path, default=Path("benchmarks/samples"))
    parser.add_argument("--out", type=Path, default=Path("build/dev"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(options.samples.glob("*.json")):
        collection = take(load_beir(options.data / path.stem), read_sample(options.samples, path.stem))
        (options.out / path.name).write_text(json.dumps(rows(collection)))


if __name__ == "__main__":
    main()
