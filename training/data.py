"""Training lists: a query with candidates as a first stage would give them, from every training collection.

The candidates are drawn from all of BM25's best 50, not from its very top: with the top alone, a document that shares
more words with the query is more often a negative, and a model learns to distrust the words. For the same reason a
query is kept only if something relevant is among the 50, but for a few. A document with the text of a relevant one is
left out.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.collection import Collection, Query
from secondpass.retrieval.bm25 import BM25Index
from secondpass.text.render import render
from secondpass.types import Document

# Queries to draw from each collection at most. Single-paragraph sets in other scripts are large and easy for BM25, so
# they are held down; sets whose documents are unlike prose (schemas, offers, tools) keep most of theirs.
QUOTA = {
    "medquad": 3000, "medquad_instruct": 2000, "medquad_source": 1000, "medquad_long": 1500, "covid_faq": 958,
    "spider_train": 2000, "sealtools_in": 1400, "metatool": 2000, "wdc_products": 2000,
    "product_match_amazon_google": 990, "product_match_walmart_amazon": 850, "jaquad_train": 1500,
    "cmrc2018_dev_trial": 800, "drcd_dev": 800, "arcd": 800, "iapp_thai": 1000, "msdocs_parallel": 1500,
}  # fmt: skip
MADE_QUOTA = {"python_stdlib": 2500, "medquad_halves": 1000}
LONGEST_QUERY = 160  # words
DEPTH = 50
OTHERS = 20
BLIND = 0.15  # share of queries kept although BM25's best DEPTH hold nothing relevant


@dataclass(frozen=True, slots=True)
class TrainingList:
    """One query with document numbers into the collection's document list, and their grades."""

    query: str
    instruction: str | None
    documents: list[int]
    grades: list[float]


def standard_library() -> Collection:
    """Code search pairs from the installed standard library: a docstring's first sentence → the function without it."""
    documents: dict[str, Document] = {}
    queries: dict[str, Query] = {}
    qrels: dict[str, dict[str, int]] = {}
    for path in sorted(Path(inspect.getfile(ast)).parent.rglob("*.py")):
        if any(part in {"test", "tests", "site-packages", "idlelib", "lib2to3"} for part in path.parts):
            continue
        try:
            source = path.read_text(encoding="utf-8")
            functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in functions:
            docstring = ast.get_docstring(node)
            if not docstring or len(node.body) < 2:
                continue
            sentence = " ".join(docstring.split("\n\n")[0].split()).split(". ")[0]
            node.body = node.body[1:]
            if 3 <= len(sentence.split()) <= 40:
                key = f"{path.stem}.{node.name}.{node.lineno}"
                documents[key] = Document(ast.unparse(node), id=key)
                queries[key] = Query(key, sentence)
                qrels[key] = {key: 1}
    return Collection("python_stdlib", documents, queries, qrels)


def halves(collection: Collection, *, least: int = 120) -> Collection:
    """Long queries, as when a document looks for its like: a text's first half → its second (inverse cloze)."""
    documents: dict[str, Document] = {}
    queries: dict[str, Query] = {}
    for key, document in collection.documents.items():
        words = document.text.split()
        if len(words) >= least:
            middle = len(words) // 2
            documents[key] = Document(" ".join(words[middle:]), id=key)
            queries[key] = Query(key, " ".join(words[max(0, middle - LONGEST_QUERY) : middle]))
    return Collection(f"{collection.name}_halves", documents, queries, {key: {key: 1} for key in documents})


def lists(collection: Collection, *, quota: int, seed: int) -> tuple[list[str], list[TrainingList]]:
    """The collection's document texts, and at most `quota` lists over them."""
    number = {document: i for i, document in enumerate(collection.documents)}
    texts = [render(document) for document in collection.documents.values()]
    index = BM25Index(texts)
    asked = sorted(query for query in collection.qrels if query in collection.queries)
    rng = random.Random(seed)
    rng.shuffle(asked)
    made: list[TrainingList] = []
    for query in asked:
        one = _list(collection.queries[query], collection.qrels[query], number, texts, index, rng)
        made.extend([one] if one else [])
        if len(made) == quota:
            break
    return texts, made


def _list(
    query: Query,
    judged: Mapping[str, float],
    number: dict[str, int],
    texts: list[str],
    index: BM25Index,
    rng: random.Random,
) -> TrainingList | None:
    grades = {number[d]: float(g) for d, g in judged.items() if d in number}
    best = max(grades.values(), default=0.0)
    top = [int(d) for d in index.top(query.text, DEPTH)[0]]
    found = [d for d in top if grades.get(d, 0.0) > 0]
    if best <= 0 or (not found and rng.random() > BLIND):
        return None
    relevant = sorted(found or (d for d, g in grades.items() if g > 0), key=lambda d: -grades[d])[:4]
    same = {texts[d] for d, g in grades.items() if g > 0}
    judged_others = [d for d, g in grades.items() if g <= 0 and texts[d] not in same]
    others = [d for d in top if d not in grades and texts[d] not in same]
    others = rng.sample(judged_others, min(OTHERS // 2, len(judged_others))) + rng.sample(
        others, min(OTHERS, len(others))
    )
    chosen = relevant + others[:OTHERS]
    if len(chosen) == len(relevant):
        return None
    return TrainingList(query.text, query.instruction, chosen, [grades.get(d, 0.0) / best for d in chosen])


def collections(root: Path) -> Iterator[Collection]:
    """Every training collection under `root`, and the one made from the standard library."""
    for name in QUOTA:
        yield load_beir(root / name)
    yield standard_library()
    yield halves(load_beir(root / "medquad"))


def main() -> None:
    """Write one JSON file a collection: `{"texts": […], "lists": […]}`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/train"))
    parser.add_argument("--out", type=Path, default=Path("build/lists"))
    parser.add_argument("--only", help="the one collection to write")
    parser.add_argument("--seed", type=int, default=12)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for collection in collections(options.data):
        if options.only not in (None, collection.name):
            continue
        texts, made = lists(collection, quota=(QUOTA | MADE_QUOTA)[collection.name], seed=options.seed)
        rows = [[one.query, one.instruction, one.documents, one.grades] for one in made]
        (options.out / f"{collection.name}.json").write_text(json.dumps({"texts": texts, "lists": rows}))
        sys.stderr.write(f"{collection.name}: {len(texts)} documents, {len(rows)} lists\n")


if __name__ == "__main__":
    main()
