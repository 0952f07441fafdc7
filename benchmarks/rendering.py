"""Is it worth telling structure? Every document of real sets rendered, and rankings of plain against structured text.

    python benchmarks/rendering.py --data ../shared/data                      both parts
    python benchmarks/rendering.py --data ../shared/data --part quality       the rankings alone
    python benchmarks/rendering.py --data ../shared/data --json FILE          and write them down

Coverage: each document, and each function of Python's standard library, by the kind that was found in it, and what was
left as text. Quality: the embedded model over the texts of renderer version 1 and of version 2, the same candidates.
Code pairs are made here: a documented function of the standard library without its documentation, asked for by its
first sentence. Cost: microseconds a document, of structure and of plain prose.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import shlex
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.collection import Collection, Query
from secondpass.evaluation.first_stage import BM25
from secondpass.evaluation.metrics import Run, evaluate, mean
from secondpass.evaluation.sample import draw, read_sample, take
from secondpass.models.embedded.scorer import EmbeddedScorer
from secondpass.models.scorer import Declared
from secondpass.ranking.reranker import Reranker
from secondpass.text.render import describe, render
from secondpass.types import Document

SAMPLES = Path(__file__).parent / "samples"
COVERED = ("dev/spider_dev", "train/spider_train", "dev/sealtools_out", "train/sealtools_in", "train/metatool")
PROSE = ("dev/cranfield", "dev/med", "dev/time", "dev/trecqa", "dev/covidqa_passages", "dev/jaquad_dev")
MEASURES = ("nDCG@10", "RR")
DEPTHS = {"spider_dev": 100, "sealtools_out": 50, "stdlib": 30}
CODE, QUERIES, WORDS = "stdlib", 150, 4


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the standard library: its source, the same without its docstring, and that docstring."""

    id: str
    source: str
    bare: str
    doc: str


class Version1(EmbeddedScorer):
    """The embedded model over texts that are rendered already, and must not be rendered again."""

    @property
    def declared(self) -> Declared:
        return replace(super().declared, renderer=1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write down what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with dev/ and train/ in the BEIR layout")
    parser.add_argument("--part", choices=("coverage", "quality", "cost"), action="append", help="all unless given")
    parser.add_argument("--sets", nargs="+", default=tuple(DEPTHS), metavar="SET", help="of the quality part")
    parser.add_argument("--json", type=Path, help="write the results here too")
    options = parser.parse_args(arguments)
    functions = list(standard_library())
    parts: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "coverage": lambda: list(coverage(options.data, functions)),
        "cost": lambda: list(cost(options.data, functions)),
        "quality": lambda: list(quality(options.data, functions, options.sets)),
    }
    record: dict[str, Any] = {"conditions": _conditions()}
    for name in options.part or parts:
        record[name] = parts[name]()
        _print_table(record[name])
    print(record["conditions"])
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def coverage(data: Path, functions: Sequence[Function]) -> Iterator[dict[str, Any]]:
    """A row a set: documents, the share of each kind, the share that looked like one and was read as text."""
    sets = {Path(name).name: _texts(data / name) for name in (*COVERED, *PROSE)}
    for name, texts in {**sets, CODE: [function.source for function in functions]}.items():
        found = [describe(text) for text in texts]
        kinds = Counter(one.kind for one in found)
        yield {
            "set": name,
            "documents": len(found),
            "parsed": sum(one.parsed for one in found) / len(found),
            "fell back to text": sum(bool(one.failed) and not one.parsed for one in found) / len(found),
            "changed": sum(one.text != text for one, text in zip(found, texts, strict=True)) / len(found),
            "exceptions": 0,  # one would have ended the script
            "kinds": ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()),
        }


def cost(data: Path, functions: Sequence[Function]) -> Iterator[dict[str, Any]]:
    """A row a set: mean characters, and microseconds to render one."""
    sets = {Path(name).name: _texts(data / name)[:2000] for name in (*COVERED, *PROSE)}
    for name, texts in {**sets, CODE: [function.source for function in functions[:2000]]}.items():
        describe(texts[0])  # its parser is imported
        started = time.perf_counter()
        for text in texts:
            render(text, version=2)
        spent = (time.perf_counter() - started) / len(texts)
        yield {"set": name, "characters": round(sum(map(len, texts)) / len(texts)), "µs": round(1e6 * spent, 1)}


def quality(data: Path, functions: Sequence[Function], sets: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A row a set and version: the embedded model's measures."""
    with Reranker(Version1()) as reranker:
        for name in sets:
            if name == CODE:
                collection = code_pairs(functions)
            else:
                whole = load_beir(data / "dev" / name)
                collection = take(whole, read_sample(SAMPLES, name)[:QUERIES])
            candidates = BM25().find(collection, DEPTHS[name]).run
            for version in (1, 2):
                run = _ranked(reranker, collection, candidates, version)
                values = {measure: mean(evaluate(run, collection.qrels, measure)) for measure in MEASURES}
                yield {"set": name, "queries": len(run), "renderer": version, **values}


def _ranked(reranker: Reranker, collection: Collection, candidates: Run, version: int) -> Run:
    texts = {
        document: render(collection.documents[document].text, version=version)
        for document in dict.fromkeys(document for found in candidates.values() for document in found)
    }
    # Together, so that a document that several queries ask about is encoded once.
    rankings = reranker.rank_many(
        [collection.queries[query].text for query in candidates],
        [[texts[document] for document in found] for found in candidates.values()],
    )
    return {
        query: {list(found)[hit.index]: hit.logit for hit in ranking}
        for (query, found), ranking in zip(candidates.items(), rankings, strict=True)
    }


def code_pairs(functions: Iterable[Function]) -> Collection:
    """The first sentences of docstrings that say something, and the functions without them."""
    documents, queries, qrels = {}, {}, {}
    for function in functions:
        documents[function.id] = Document(function.bare, id=function.id)
        sentence = " ".join(function.doc.partition("\n\n")[0].split()).partition(". ")[0]
        if len(sentence.split()) >= WORDS:
            queries[function.id] = Query(function.id, sentence)
            qrels[function.id] = {function.id: 1}
    whole = Collection(CODE, documents, queries, qrels)
    return take(whole, draw(whole, size=QUERIES))


def standard_library() -> Iterator[Function]:
    """Every function and method of the installed standard library but its tests."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).parts
        if "site-packages" in parts or any("test" in part for part in parts) or parts[0] in ("idlelib", "lib2to3"):
            continue
        try:
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text)
        except (SyntaxError, UnicodeDecodeError):
            continue  # kept broken on purpose, for tests
        lines = text.splitlines(keepends=True)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield _function(node, lines, ".".join(parts))


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: Sequence[str], place: str) -> Function:
    first, last = node.lineno - 1, node.end_lineno or node.lineno
    doc, bare = ast.get_docstring(node) or "", list(lines[first:last])
    if doc:
        told = node.body[0]
        del bare[told.lineno - 1 - first : (told.end_lineno or told.lineno) - first]
    return Function(f"{place}:{node.lineno}:{node.name}", "".join(lines[first:last]), "".join(bare), doc)


def _texts(folder: Path) -> list[str]:
    return [document.text for document in load_beir(folder).documents.values()]


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    names = list(rows[0])
    print(f"| {' | '.join(names)} |\n|{' --- |' * len(names)}")
    for row in rows:
        cells = (f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values())
        print(f"| {' | '.join(cells)} |")
    print()


def _conditions() -> str:
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}"
    return (
        f"{date.today():%d %B %Y}; {machine}; Python {platform.python_version()}; `{shlex.join(['python', *sys.argv])}`"
    )


if __name__ == "__main__":
    main()
