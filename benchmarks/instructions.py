"""Does a ranker do what an instruction asks? Hand-written groups, generated ones, and what must never happen.

    python benchmarks/instructions.py --data ../shared/data              everything, 64 generated groups a split
    python benchmarks/instructions.py --data ../shared/data --groups 16  fewer of them
    python benchmarks/instructions.py --data ../shared/data --only prose=tuned --list --json build/prose.json

Every table has two sides that share no wording: even and odd ids of the hand-written groups, the seen and the held-out
half of the generated ones, and of the groups in prose those that were tuned on and those that were not. MRR is of the
one grade that fulfils all. The line "chance" is the mean over all orders.

    neutral     groups without an instruction where taking the mapping away changes neither an order nor a logit
    dominated   rankings where no irrelevant document, however good its metadata, stands above a relevant one
    irrelevant  rankings with an irrelevant document on the first place
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import secondpass
from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.collection import Collection, Group, Query
from secondpass.evaluation.counterfactual import counterfactual
from secondpass.evaluation.counterfactual.table import SPLITS
from secondpass.evaluation.instructions import load_instructions
from secondpass.evaluation.metrics import Run, TieRule, evaluate_all, mean
from secondpass.ranking.reranker import Reranker
from secondpass.types import Document, Ranking

RESULTS = Path(__file__).parent / "results" / "instructions.json"
PROSE = Path(__file__).parent / "prose"
PROSE_SIDES = {"tuned": ("one", "two"), "held_out": ("three",)}
MEASURES = {"MRR": "RR(rel=3)", "nDCG@10": "nDCG@10"}
KINDS = ("recency", "source", "type_version", "complex", "topical")
CHANCE = "chance"
MODES = ("plain", "reversed")


@dataclass(frozen=True, slots=True)
class Method:
    """A column's name, the model, and whether the instruction and its rules are used."""

    name: str
    model: str
    instructed: bool = True
    rules: bool = False


METHODS = (
    Method("bm25", "bm25"),
    Method("embedded, no instruction", "embedded", instructed=False),
    Method("embedded, rules off", "embedded"),
    Method("embedded, rules", "embedded", rules=True),
)


@dataclass(frozen=True, slots=True)
class Side:
    """Half of a data set: its name, and which groups are in it."""

    name: str
    collection: Collection
    groups: tuple[Group, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables and write them down."""
    options = _options(arguments)
    began = time.perf_counter()
    models = {name: secondpass.load(name) for name in {method.model for method in METHODS}}
    record: dict[str, Any] = {"conditions": _conditions(), "sets": {}}
    for title, (names, read) in SETS.items():
        wanted = [name for name in names if options.only & {title, f"{title}={name}"}]
        sides = [read(options, name) for name in wanted]
        measured = {s.name: _side(s, models, listed=options.list and s.name == names[0]) for s in sides}
        if measured:
            record["sets"][title] = measured
            _print(title, measured)
    print(f"{_conditions()}; {time.perf_counter() - began:.0f} s")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with instructions/ and dev/")
    parser.add_argument("--groups", type=int, default=64, help="generated groups a split")
    parser.add_argument("--passages", default="covidqa_passages", help="collection of dev/ that the passages are from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=_parts, default=frozenset(SETS), help="SET or SET=SIDE, several with commas")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where the numbers go")
    parser.add_argument("--list", action="store_true", help="name what rules got wrong on the side to tune on")
    return parser.parse_args(arguments)


def _parts(text: str) -> frozenset[str]:
    """What `--only` names; fails on a set or side that is not there."""
    known = {*SETS, *(f"{title}={name}" for title, (names, _) in SETS.items() for name in names)}
    parts = frozenset(text.split(","))
    if not parts <= known:
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(parts - known))} is none of {', '.join(sorted(known))}")
    return parts


def _hand_written(options: argparse.Namespace, side: str) -> Side:
    found = load_instructions(options.data / "instructions")
    odd = side == "odd"
    return Side(side, found, tuple(g for g in found.groups.values() if int(g.id.rpartition("-")[2]) % 2 == odd))


def _prose(options: argparse.Namespace, side: str) -> Side:
    found = load_instructions(*(PROSE / f"{name}.jsonl" for name in PROSE_SIDES[side]))
    return Side(side, found, tuple(found.groups.values()))


def _generated(options: argparse.Namespace, side: str) -> Side:
    passages = load_beir(options.data / "dev" / options.passages)
    split = next(each for each in SPLITS if each == side)
    made = counterfactual(passages, options.groups, seed=options.seed, split=split)
    return Side(side, made, tuple(made.groups.values()))


SETS: dict[str, tuple[Sequence[str], Callable[[argparse.Namespace, str], Side]]] = {
    "hand-written": (("even", "odd"), _hand_written),
    "prose": (("tuned", "held_out"), _prose),
    "generated": (SPLITS, _generated),
}
"""By title: the sides, the one to tune on first, and what reads one."""


def _side(side: Side, models: Mapping[str, Reranker], *, listed: bool) -> dict[str, Any]:
    """Everything that is measured on one half: by method, and the counts."""
    found: dict[str, Any] = {CHANCE: _values(side, _same(side), "expected")}
    for method in METHODS:
        run = {query.id: _logits(_ranked(models[method.model], method, side, query)) for query in _queries(side)}
        found[method.name] = {**_values(side, run, "trec"), **_never(side, run)}
        sys.stderr.write(f"{side.name}: {method.name}\n")
    last = METHODS[-1]
    found[last.name]["neutral"] = _neutral(side, models[last.model])
    if listed:
        _list(side, run)
    return found


def _ranked(model: Reranker, method: Method, side: Side, query: Query) -> Ranking:
    documents = [side.collection.documents[key] for key in side.collection.candidates[query.id]]
    told = query.instruction if method.instructed else None
    now = date.fromisoformat(query.metadata["now"])
    return model.rank(query.text, documents, instruction=told, now=now, rules=method.rules)


def _queries(side: Side) -> Iterator[Query]:
    for group in side.groups:
        yield from (side.collection.queries[group.modes[mode]] for mode in MODES)


def _logits(ranking: Ranking) -> dict[str, float]:
    return {str(hit.id): hit.logit for hit in ranking}


def _same(side: Side) -> Run:
    return {query.id: dict.fromkeys(side.collection.candidates[query.id], 0.0) for query in _queries(side)}


def _values(side: Side, run: Run, ties: TieRule) -> dict[str, Any]:
    """Kind → mode → measure → mean; `all` is over the groups. Equal logits stand in trec_eval's order, by id."""
    judged = {query.id: side.collection.qrels[query.id] for query in _queries(side)}
    values = evaluate_all(run, judged, MEASURES.values(), ties=ties)
    found: dict[str, Any] = {}
    for kind in (*KINDS, "all"):
        groups = [group for group in side.groups if kind in (group.kind, "all")]
        if groups:
            asked = {mode: [group.modes[mode] for group in groups] for mode in MODES}
            means = {mode: {n: _mean(values[m], keys) for n, m in MEASURES.items()} for mode, keys in asked.items()}
            found[kind] = {"groups": len(groups), **means}
    return {"values": found}


def _mean(values: Mapping[str, float], keys: Sequence[str]) -> float:
    return round(mean({key: values[key] for key in keys}), 4)


def _never(side: Side, run: Run) -> dict[str, Any]:
    """How many rankings have an irrelevant document first, and none above a relevant one."""
    first = dominated = 0
    for query in _queries(side):
        grades = side.collection.qrels[query.id]
        best = {good: max(z for key, z in run[query.id].items() if (grades[key] > 0) is good) for good in (True, False)}
        worst = min(z for key, z in run[query.id].items() if grades[key] > 0)
        first += best[False] >= best[True]
        dominated += best[False] < worst
    return {"rankings": 2 * len(side.groups), "irrelevant": first, "dominated": dominated}


def _neutral(side: Side, model: Reranker) -> dict[str, int]:
    """Groups with a mapping, and those that rank the same with it and without, when nothing is asked."""
    plain = Method("", "", instructed=False, rules=True)
    bare = {key: Document(each.text, id=key, title=each.title) for key, each in side.collection.documents.items()}
    without = replace(side, collection=replace(side.collection, documents=bare))
    groups = same = 0
    for group in side.groups:
        query = side.collection.queries[group.modes["plain"]]
        if any(side.collection.documents[key].metadata for key in side.collection.candidates[query.id]):
            groups += 1
            same += _order(_ranked(model, plain, side, query)) == _order(_ranked(model, plain, without, query))
    return {"groups": groups, "same": same}


def _order(ranking: Ranking) -> list[tuple[str | None, float]]:
    return [(hit.id, hit.logit) for hit in ranking]


def _list(side: Side, run: Run) -> None:
    for query in _queries(side):
        grades = side.collection.qrels[query.id]
        first = max(run[query.id], key=run[query.id].__getitem__)
        if grades[first] < max(grades.values()):
            print(f"{side.name} {query.id}: {grades[first]:g} first, for {query.instruction!r}")


def _print(title: str, measured: Mapping[str, Any]) -> None:
    print(f"## {title}: {' / '.join(measured)}\n")
    names = (CHANCE, *(method.name for method in METHODS))
    for mode in MODES:
        print(f"| {mode} | groups | measure | {' | '.join(names)} |\n| --- | ---: | --- |{' ---: |' * len(names)}")
        for kind in (*KINDS, "all"):
            halves = [each for each in measured.values() if kind in each[CHANCE]["values"]]
            for measure in MEASURES if halves else ():
                counts = " / ".join(str(each[CHANCE]["values"][kind]["groups"]) for each in halves)
                values = [[each[name]["values"][kind][mode][measure] for each in halves] for name in names]
                cells = [" / ".join(f"{value:.3f}" for value in row) for row in values]
                print(f"| {kind} | {counts} | {measure} | {' | '.join(cells)} |")
        print()
    print("| | irrelevant first | dominated | neutral |\n| --- | ---: | ---: | ---: |")
    for method in METHODS:
        rows = [each[method.name] for each in measured.values()]
        cells = [" / ".join(f"{row[key]} of {row['rankings']}" for row in rows) for key in ("irrelevant", "dominated")]
        told = [row["neutral"] for row in rows if "neutral" in row]
        cells.append(" / ".join(f"{each['same']} of {each['groups']}" for each in told))
        print(f"| {method.name} | {' | '.join(cells)} |")
    print()


def _conditions() -> str:
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}"
    command = shlex.join(["python", "benchmarks/instructions.py", *sys.argv[1:]])
    return f"{date.today():%d %B %Y}; {machine}; Python {platform.python_version()}; `{command}`"


if __name__ == "__main__":
    main()
