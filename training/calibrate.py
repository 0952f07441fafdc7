"""Calibrates the embedded model on queries of the training collections that its training never read.

`training.data` shuffles a collection's queries and stops at a quota; the held-out ones are those that it had not come
to by then, less those whose text is in any list. Collections that were read to their end have none and are left out.
Each query comes with all of BM25's best 50, relevant or not, as it would in use. Knows nothing of development data.

    python -m training.calibrate                 score into build/calibration, unless it is there, and fit

One half of the queries is fitted on; thresholds are measured on the other.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import secondpass
from secondpass.backends.choose import choose
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.first_stage import bm25
from secondpass.evaluation.sample import take
from secondpass.models.embedded.scorer import EmbeddedScorer
from secondpass.ranking.calibration import Calibration, fit
from secondpass.ranking.reranker import Reranker
from secondpass.text.render import render
from training.data import DEPTH, collections

SHUFFLED_WITH = 12  # the seed of training.data
QUERIES = 20
ASKED = (
    "medquad", "medquad_instruct", "medquad_source", "medquad_long", "spider_train", "metatool", "wdc_products",
    "jaquad_train", "arcd", "msdocs_parallel", "python_stdlib",
)  # fmt: skip
PRECISIONS = ("bf16", "fp32")  # of all but the int8 products, by processor and runtime


def held_out(collection: Collection, lists: Path) -> list[str]:
    """Ids of the queries that the training had not come to, in the order in which it would have."""
    read = {path.stem: _queries(path) for path in sorted(lists.glob("*.json"))}
    asked = sorted(query for query in collection.qrels if query in collection.queries)
    random.Random(SHUFFLED_WITH).shuffle(asked)
    left = Counter(read[collection.name])
    while left.total():  # up to the query of its last list
        left -= Counter([collection.queries[asked.pop(0)].text])
    seen = {text for texts in read.values() for text in texts}
    return [query for query in asked if collection.queries[query].text not in seen]


def scored(collection: Collection, queries: list[str], reranker: Reranker) -> Iterator[dict[str, object]]:
    """A row a query: its candidates' logits and labels. Other documents with a relevant one's text are left out."""
    taken = take(collection, queries)
    texts = {key: render(document) for key, document in taken.documents.items()}
    candidates = bm25(taken, list(texts.values()), depth=DEPTH).run
    for key, found in candidates.items():
        query = taken.queries[key]
        relevant = {document for document, grade in taken.qrels[key].items() if grade > 0}
        same = {texts[document] for document in relevant if document in texts}
        kept = [document for document in found if document in relevant or texts[document] not in same]
        documents = [taken.documents[document] for document in kept]
        ranking = reranker.rank(query.text, documents, instruction=query.instruction, rules=False, progress=False)
        logits = [hit.logit for hit in sorted(ranking, key=lambda hit: hit.index)]
        labels = [int(document in relevant) for document in kept]
        yield {"collection": collection.name, "query": key, "logits": logits, "labels": labels}


def opened(precision: str, weights: Path | None) -> Reranker:
    """The model in the package, or one from a folder of weights."""
    if weights is None:
        return secondpass.load(precision=precision)
    backend = choose(precision=precision)
    return Reranker(EmbeddedScorer(backend, weights), capabilities=backend.capabilities)


def fitted(pairs: Path, version: str, *, date: str) -> Calibration:
    """Platt's fit, each collection counting alike.

    It is for all that the weights in the package are computed in: the difference is far below the fit's own error.
    """
    rows = [json.loads(line) for line in pairs.read_text(encoding="utf-8").splitlines()]
    every = [(row, logit, label) for row in rows for logit, label in zip(row["logits"], row["labels"], strict=True)]
    count = Counter(row["collection"] for row, _, _ in every)
    return fit(
        [logit for _, logit, _ in every],
        [label for _, _, label in every],
        [(row["collection"], row["query"]) for row, _, _ in every],
        weights=[1 / count[row["collection"]] for row, _, _ in every],
        model="embedded",
        versions=[f"{version.rpartition(' ')[0]} {precision}" for precision in PRECISIONS],
        data=list(dict.fromkeys(row["collection"] for row in rows)),
        date=date,
    )


def _queries(path: Path) -> list[str]:
    return [row[0] for row in json.loads(path.read_text(encoding="utf-8"))["lists"]]


def _score(options: argparse.Namespace, reranker: Reranker) -> None:
    options.pairs.parent.mkdir(parents=True, exist_ok=True)
    with options.pairs.open("w", encoding="utf-8") as file:
        for collection in collections(options.data):
            if collection.name in options.only:
                found = held_out(collection, options.lists)[: options.queries]
                sys.stderr.write(f"{collection.name}: {len(found)} queries\n")
                if len(found) == options.queries:
                    for row in scored(collection, found, reranker):
                        file.write(f"{json.dumps(row)}\n")
                        file.flush()


def main() -> None:
    """Score the held-out queries, a JSON line each, and write the calibration of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/train"))
    parser.add_argument("--lists", type=Path, default=Path("build/lists"))
    parser.add_argument("--pairs", type=Path, default=Path("build/calibration/pairs.jsonl"))
    parser.add_argument("--out", type=Path, default=Path("build/calibration/calibration.json"))
    parser.add_argument("--weights", type=Path, help="a folder of weights, instead of those in the package")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--only", nargs="+", default=ASKED, metavar="COLLECTION")
    parser.add_argument(
        "--queries", type=int, default=QUERIES, help="of each collection; those with fewer are left out"
    )
    options = parser.parse_args()
    with opened(options.precision, options.weights) as reranker:
        if not options.pairs.is_file():
            _score(options, reranker)
        version = reranker.declared.version
    fitted(options.pairs, version, date=datetime.now(UTC).date().isoformat()).save(options.out)


if __name__ == "__main__":
    main()
