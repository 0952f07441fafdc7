"""How well are names found? Precision and recall of the extractor on labelled sentences, by language.

    python benchmarks/entities.py               the table of docs/signals.md
    python benchmarks/entities.py --errors      and what the rules get wrong in the sentences they were tuned on

The sentences (tests/ranking/signals/names.jsonl) are our own, and were written before the rules. The rules were written
with the tuned ones in sight; the held-out ones were only counted. A name counts as found if all its words are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from secondpass.ranking.signals.extractor import Extractor, normalised

SENTENCES = Path(__file__).parent.parent / "tests" / "ranking" / "signals" / "names.jsonl"
LANGUAGES = {"en": "English", "de": "German", "es": "Spanish"}
SPLITS = ("tuned", "held-out")


def main(arguments: Sequence[str] | None = None) -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--errors", action="store_true", help="print what is wrong in the tuned sentences")
    options = parser.parse_args(arguments)
    rows = [json.loads(line) for line in SENTENCES.read_text(encoding="utf-8").splitlines()]
    print("\n".join(table(rows)))
    if options.errors:
        print("\n".join(errors(row for row in rows if row["split"] == "tuned")))


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The rows of the table: sentences, names, precision and recall by language and split."""
    yield "| language | sentences | names | precision | recall |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for split in SPLITS:
        for language in (*LANGUAGES, None):
            some = [row for row in rows if row["split"] == split and row["language"] in (language or LANGUAGES)]
            names = sum(len(row["names"]) for row in some)
            precision, recall = measured(some)
            called = f"{LANGUAGES[language] if language else 'all'}, {split}"
            yield f"| {called} | {len(some)} | {names} | {precision:.2f} | {recall:.2f} |"


def measured(rows: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Precision and recall over all sentences of `rows`."""
    right = sum(len(found(row) & labelled(row)) for row in rows)
    return right / sum(len(found(row)) for row in rows), right / sum(len(labelled(row)) for row in rows)


def errors(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    """A line a sentence that is not right: what is too much, what is missing."""
    for row in rows:
        much, missing = found(row) - labelled(row), labelled(row) - found(row)
        if much or missing:
            yield f"{row['language']}: +{sorted(much)} -{sorted(missing)} {row['text']}"


def found(row: dict[str, Any]) -> set[tuple[str, ...]]:
    return {normalised(name) for name in Extractor().names(row["text"])}


def labelled(row: dict[str, Any]) -> set[tuple[str, ...]]:
    return {normalised(name) for name in row["names"]}


if __name__ == "__main__":
    main()
