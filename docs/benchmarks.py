"""Writes docs/benchmarks.md, all that was measured, from benchmarks/results; with --check, fails if it is out of date.

Knows what each record holds; computes means of what is recorded, and nothing else.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

PAGE = Path(__file__).with_name("benchmarks.md")
RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"
FUSIONS = 5

HEAD = """# Benchmarks

What we measured of this package, from the records in `benchmarks/results`, with date, machine and command.
[Numbers](numbers.md) says what to make of it, and `benchmarks/README.md` what each script does and what its columns
mean; scripts that are not here print their tables and keep no record. This page is written by
`python docs/benchmarks.py`.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One record: its file, the title over it, and what makes lines of its content."""

    file: str
    title: str
    lines: Callable[[Mapping[str, Any]], Iterator[str]]


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for section in SECTIONS:
        record = json.loads((RESULTS / section.file).read_text(encoding="utf-8"))
        parts.append("\n".join([f"\n## {section.title}\n", *section.lines(record)]) + "\n")
    return "".join(parts)


def evaluated(record: Mapping[str, Any]) -> Iterator[str]:
    """The main table of every stored evaluation."""
    board = _script("leaderboard")
    yield "By `secondpass eval`; means by collection, protocols and versions are on the [leaderboard](leaderboard.md)."
    for evaluation in record["evaluations"]:
        for made in evaluation["tables"]:
            protocol = next(iter(made["protocols"].values()))
            yield ""
            yield from board.main_table(made)
            yield ""
            yield (
                f"First {protocol['depth']} of {protocol['first_stage']}, {len(made['protocols'])} collections, at "
                f"most {max(each['queries'] for each in made['protocols'].values())} queries each; begun "
                f"{evaluation['started']} on {board.where(evaluation)}."
            )
            yield ""
            yield f"    {evaluation['command']}"


def quality(record: Mapping[str, Any]) -> Iterator[str]:
    """The embedded model beside its first stage and its rivals, collection by collection."""
    results = record["results"]
    methods = list(dict.fromkeys(row["method"] for row in results))
    cells = {(row["set"], row["method"]): row["mean"] for row in results}
    sets = list(dict.fromkeys(row["set"] for row in results))
    rows = [[name, *(f"{cells[name, method]:.4f}" for method in methods)] for name in sets]
    means = [sum(cells[name, method] for name in sets) / len(sets) for method in methods]
    yield from _grid([f"{record['measure']}", *methods], [*rows, ["**mean**", *(f"{mean:.4f}" for mean in means)]])
    yield f"\n{record['conditions']}"


def engine(record: Mapping[str, Any]) -> Iterator[str]:
    """Time and memory of a pass."""
    first = record["rows"][0]["median"]
    rows = [
        [
            f"{row['name']} {row['version']}",
            f"{row['median']:.3f}",
            f"{row['best']:.3f}",
            f"{row['median'] / first:.2f}",
            f"{row['peak_mb']:,.0f}",
            f"{row['cold_start']:.2f}",
        ]
        for row in record["rows"]
    ]
    yield from _grid(["contender", "median s", "best s", "× the first", "peak MB", "cold s"], rows)
    yield ""
    yield from (f"- {line}" for line in record["header"])


def families(record: Mapping[str, Any]) -> Iterator[str]:
    """Every single model, and the best fusions."""
    single = {name: mean for name, mean in record["means"].items() if not name.startswith("hybrid(")}
    fused = sorted(record["means"].keys() - single.keys(), key=lambda name: -record["means"][name])[:FUSIONS]
    rows = [
        [name, f"{record['means'][name]:.4f}", f"{record['seconds'][name]:.3f}" if name in record["seconds"] else ""]
        for name in [*single, *fused]
    ]
    yield from _grid(["model", "mean nDCG@10", "s for 100 documents"], rows)
    yield f"\nOf {len(record['means']) - len(single)} fusions the best {FUSIONS}. {record['conditions']}\n"
    yield "    python -m benchmarks.families --data ../shared/data/dev --json families.json"


def quantised(record: Mapping[str, Any]) -> Iterator[str]:
    """What precisions on load cost; how formats are read stands on a page of its own."""
    rows = [
        [row["precision"], f"{row['drift']:.4f}", f"{row['mean']:.4f}", f"{row['rank']:.4f}", f"{row['megabytes']:.1f}"]
        for row in record["on_load"]
    ]
    yield from _grid(["precision", "largest drift", "mean drift", "rank correlation", "MB"], rows)
    made = record["on_load"][0]
    yield f"\n{made['date']}, CPU, {made['pairs']} pairs, {made['versions']}. Formats: [here](quantised.md).\n"
    yield f"    {made['command']}"


def told_on(page: str) -> Callable[[Mapping[str, Any]], Iterator[str]]:
    """Where a record's figures are shown and explained, and how they came to be."""

    def lines(record: Mapping[str, Any]) -> Iterator[str]:
        yield f"The figures stand [with what they mean]({page}).\n"
        if "header" in record:
            yield "; ".join(record["header"])
        elif "conditions" in record:
            yield record["conditions"]
        else:
            made = f"{record['date']}; {record['machine']}, load {record['load']}"
            yield f"{made}; `python -m benchmarks.{Path(page).stem.replace('-', '_')} --data ../shared/data/dev`"

    return lines


SECTIONS = (
    Section("eval.json", "Models on the development collections", evaluated),
    Section("quality.json", "Quality of the embedded model", quality),
    Section("engine.json", "Speed and memory of a pass", engine),
    Section("families.json", "Models without a download, and fusions", families),
    Section("quantised.json", "Precisions on load", quantised),
    Section("calibration.json", "Calibration", told_on("calibration.md")),
    Section("long_documents.json", "Long documents", told_on("long-documents.md")),
    Section("rendering.json", "Structured documents", told_on("structured.md")),
    Section("instructions.json", "Instructions", told_on("instructions.md")),
    Section("cascade.json", "Cascades and budgets", told_on("cascades.md")),
    Section("serve.json", "The server", told_on("serving.md")),
    Section("soak.json", "The server, saturated", told_on("serving.md")),
    Section("glossary.json", "The glossary", told_on("languages.md")),
)


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    found: list[str] = _script("leaderboard").grid(head, rows)
    return found


def _script(name: str) -> ModuleType:
    """Another script beside this one."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", Path(__file__).with_name(f"{name}.py"))
    if spec is None or spec.loader is None:
        raise SystemExit(f"{name}.py is not beside this script.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_current() -> bool:
    """Whether the page is what would be written now."""
    return PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(0 if is_current() else f"{PAGE.name} is out of date: run python docs/benchmarks.py")
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
