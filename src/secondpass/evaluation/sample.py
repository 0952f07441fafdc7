"""Samples of a collection's queries: drawn once with a seed, committed as ids alone, read back by name.

    python -m secondpass.evaluation.sample DATA/cranfield DATA/med --out benchmarks/samples

writes one small JSON file a collection. Knows query ids and judgements; nothing of texts or models.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from secondpass.errors import InputError
from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.collection import Collection

SIZE = 200
SEED = 0


def answerable(collection: Collection) -> list[str]:
    """Ids of the queries with at least one relevant document in the corpus, sorted."""
    return sorted(
        query
        for query, judged in collection.qrels.items()
        if query in collection.queries
        and any(grade > 0 and document in collection.documents for document, grade in judged.items())
    )


def draw(collection: Collection, *, size: int = SIZE, seed: int = SEED) -> list[str]:
    """At most `size` ids of answerable queries, sorted; the same collection, size and seed give the same ids.

    Of a collection of instructions as many groups are drawn, each with all of its queries, which are never parted.
    """
    if size < 1:
        raise InputError(f"The size of a sample is {size}: it must be at least 1.")
    found = answerable(collection)
    if collection.groups:
        known = set(found)
        whole = sorted(key for key, group in collection.groups.items() if not known.isdisjoint(group.modes.values()))
        return sorted(q for key in _drawn(whole, size, seed) for q in collection.groups[key].modes.values())
    return _drawn(found, size, seed)


def _drawn(found: list[str], size: int, seed: int) -> list[str]:
    return found if len(found) <= size else sorted(random.Random(seed).sample(found, size))


def take(collection: Collection, queries: Sequence[str]) -> Collection:
    """The collection with these queries and their judgements only; the corpus stays whole, and so does every group.

    Raises `InputError` where a query is unknown or has no judgement: the sample was drawn from other data.
    """
    for query in queries:
        if query not in collection.queries or query not in collection.qrels:
            raise InputError(
                f"Query {query!r} of the sample is not among the judged queries of {collection.name}: "
                "the sample was drawn from other data; draw it again."
            )
    kept = set(queries)
    return replace(
        collection,
        queries={query: collection.queries[query] for query in queries},
        qrels={query: collection.qrels[query] for query in queries},
        groups={key: group for key, group in collection.groups.items() if kept.issuperset(group.modes.values())},
    )


def write_sample(folder: Path, collection: Collection, *, size: int = SIZE, seed: int = SEED) -> Path:
    """Draw a sample and write it to `folder`/NAME.json."""
    queries = draw(collection, size=size, seed=seed)
    head = {"collection": collection.name, "seed": seed, "drawn_from": len(answerable(collection))}
    path = folder / f"{collection.name}.json"
    path.write_text(json.dumps({**head, "queries": queries}, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_sample(folder: Path, name: str) -> list[str]:
    """The query ids of the sample of that name. Raises `InputError` naming the file that is missing or damaged."""
    path = folder / f"{name}.json"
    try:
        queries = json.loads(path.read_text(encoding="utf-8"))["queries"]
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in folder.glob("*.json"))) or "none"
        raise InputError(f"{path} is missing: there is no sample of that name (there are: {known}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a sample, a JSON object with `queries` ({error!r}): draw it again.") from error
    if not isinstance(queries, list) or not all(isinstance(query, str) for query in queries):
        raise InputError(f"{path}: `queries` is not a list of query ids: draw the sample again.")
    return queries


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw and write a sample of each BEIR folder that is named."""
    parser = argparse.ArgumentParser(prog="python -m secondpass.evaluation.sample", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="collections in the BEIR layout")
    parser.add_argument("--out", type=Path, required=True, help="folder for the samples")
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for folder in options.folders:
        path = write_sample(options.out, load_beir(folder), size=options.size, seed=options.seed)
        sys.stderr.write(f"{path}\n")


if __name__ == "__main__":
    main()
