"""Does a glossary help a model that reads English alone to find what is in other languages, and leave the rest be?

    python benchmarks/glossary.py --data ../shared/data              print the tables
    python benchmarks/glossary.py --data ../shared/data --json FILE  and write them down

Across languages: sentences of manuals and their translations, each among 29 others drawn by chance; how often the right
one comes first. The bound on the share that has to be found was chosen on the even sentences; the odd ones are apart.
The same language: logits with and without the glossary, which have to be the same. English: texts taken for another
language. Cost: microseconds a text.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import random
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import secondpass
from secondpass.evaluation.beir import load_beir
from secondpass.ranking import glossed
from secondpass.text.glossary import gloss

CANDIDATES = 30
BOUNDS = (0.0, 0.2, 0.4)
SAME = ("dev/jaquad_dev", "dev/drcd_test", "dev/cranfield")
ENGLISH = ("dev/cranfield", "dev/med", "dev/trecqa", "dev/time", "dev/spider_dev", "dev/product_match_abt_buy")
Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and dev/")
    parser.add_argument("--queries", type=int, default=200, help="sentences in each direction")
    parser.add_argument("--json", type=Path, help="where the numbers are written")
    options = parser.parse_args(arguments)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}"
    found: dict[str, Any] = {
        "conditions": f"{date.today():%d %B %Y}; {machine}; Python {platform.python_version()}; "
        f"`python {shlex.join(sys.argv)}`",
        "across": across(options.data / "train" / "msdocs_parallel", options.queries),
        "same": [same(options.data / name) for name in SAME],
        "english": [english(options.data / name) for name in ENGLISH],
        "cost": cost(),
    }
    print(found["conditions"])
    for name in ("across", "same", "english", "cost"):
        show(found[name])
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def across(folder: Path, count: int) -> list[Row]:
    """Accuracy at 1 from English to Chinese and back, by bound, for the two halves."""
    pairs = translations(folder)
    random.Random(0).shuffle(pairs)
    rows: list[Row] = []
    for name, asked in (("en > zh", pairs), ("zh > en", [(b, a) for a, b in pairs])):
        for bound in (None, *BOUNDS):
            right = accuracy(asked[: count * 2], count, bound)
            even, odd = right[::2], right[1::2]
            rows.append(
                {
                    "direction": name,
                    "share": "no glossary" if bound is None else bound,
                    "even": round(sum(even) / len(even), 3),
                    "odd": round(sum(odd) / len(odd), 3),
                    "sentences": len(right),
                }
            )
    return rows


def translations(folder: Path) -> list[tuple[str, str]]:
    """(English, Chinese) sentences of at least 20 Chinese characters."""
    texts = {row["_id"]: row["text"] for row in lines(folder / "corpus.jsonl.gz")}
    chinese = {row["_id"]: row["text"] for row in lines(folder / "queries.jsonl.gz") if row.get("lang") == "zh"}
    with gzip.open(folder / "qrels" / "test.tsv.gz", "rt", encoding="utf-8") as file:
        judged = [line.split("\t")[:2] for line in file.read().splitlines()[1:]]
    return [(texts[right], chinese[query]) for query, right in judged if len(chinese.get(query, "")) >= 20]


def lines(path: Path) -> list[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def accuracy(pairs: Sequence[tuple[str, str]], count: int, bound: float | None) -> list[bool]:
    """Whether each of the first sentences has its translation in the first place."""
    usual = glossed.ENOUGH
    glossed.ENOUGH = usual if bound is None else bound
    drawn = random.Random(1)
    right = []
    try:
        with secondpass.load(glossary=bound is not None) as reranker:
            for at in range(count):
                others = drawn.sample([number for number in range(len(pairs)) if number != at], CANDIDATES - 1)
                texts = [pairs[number][1] for number in sorted([at, *others])]
                ranking = reranker.rank(pairs[at][0], texts, top_n=1, progress=False)
                right.append(ranking[0].document == pairs[at][1])
    finally:
        glossed.ENOUGH = usual
    return right


def same(folder: Path, queries: int = 10) -> Row:
    """How many logits of a set in one language differ with the glossary."""
    collection = load_beir(folder)
    texts = list(collection.documents.values())[:60]
    asked = [query.text for query in collection.queries.values()][:queries]
    logits = []
    for glossary in (True, False):
        with secondpass.load(glossary=glossary) as reranker:
            logits.append([[hit.logit for hit in reranker.rank(one, texts, progress=False)] for one in asked])
    differ = sum(a != b for one, other in zip(*logits, strict=True) for a, b in zip(one, other, strict=True))
    return {"set": folder.name, "pairs": len(asked) * len(texts), "logits that differ": differ}


def english(folder: Path) -> Row:
    """How many English texts are taken for another language."""
    texts = [row["text"] for row in lines(folder / "corpus.jsonl.gz")][:2000]
    taken = [gloss(text) for text in texts]
    wrong = [one for one in taken if one.language not in ("en", None)]
    return {
        "set": folder.name,
        "texts": len(texts),
        "another language": len(wrong),
        "glossed": sum(one.share >= glossed.ENOUGH for one in wrong),
    }


def cost() -> list[Row]:
    """Microseconds of texts of 1,000 characters, the fastest of many times."""
    texts = {
        "English": "The police may not search a house without a warrant, which a judge has to sign for it. " * 12,
        "German": "Wie kann ich die Kundenrechnung bezahlen, wenn die Kreditkarte nicht funktioniert? " * 13,
        "Spanish": "¿Cómo puedo pagar la factura del cliente si la tarjeta de crédito no funciona? " * 13,
        "Chinese": "如果信用卡无法使用，客户如何支付发票？请联系我们的客服。" * 36,
        "Japanese": "クレジットカードが使えない場合、請求書をどのように支払いますか。" * 32,
    }
    return [{"text": name, "microseconds": round(1e6 * fastest(text[:1000]))} for name, text in texts.items()]


def fastest(text: str) -> float:
    gloss(text)
    seconds = []
    for _ in range(50):
        began = time.perf_counter()
        gloss(text)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def show(rows: Sequence[Row]) -> None:
    print("\n| " + " | ".join(rows[0]) + " |\n|" + " --- |" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(map(str, row.values())) + " |")


if __name__ == "__main__":
    main()
