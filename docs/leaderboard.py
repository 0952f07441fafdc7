"""Writes docs/leaderboard.md from stored evaluations; with --check, only fails if the page is out of date.

    python docs/leaderboard.py build/eval/dev     # keep what `secondpass eval --output build/eval/dev` found first

What is kept of a result.json is its tables, in benchmarks/results/eval.json. Knows tables as they are stored; computes
nothing of them. Every evaluation has tables of its own, so that no two protocols meet in one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("leaderboard.md")
RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "eval.json"
KEPT = ("command", "started", "seed", "machine", "versions")
DIGITS = 6
CEILING = "ceiling"

HEAD = """# Leaderboard

Rerankers that were evaluated by `secondpass eval`, each table under one protocol: the same queries, first stage and
candidates for all of its rows. **Numbers of two tables do not compare.** Times were taken while the evaluation ran, on
a machine that may have had other work: compare them within a table, and look under [Numbers](numbers.md#speed) for how
fast a pass is. This page is written by `python docs/leaderboard.py` from `benchmarks/results/eval.json`; what the
columns mean stands under [Evaluation](evaluation.md#what-the-tables-say).

To add a model, evaluate with the command under the table, the model behind `--models`, and give the folder to
`python docs/leaderboard.py FOLDER`: with the same folder only what is new is computed.
"""


def keep(folder: Path) -> dict[str, Any]:
    """What is kept of the result.json in a folder, with six digits."""
    found = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return {name: found[name] for name in KEPT} | {"tables": rounded(found["tables"])}


def rounded(value: Any) -> Any:
    """The same with floats of at most `DIGITS` decimals."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def stored() -> list[dict[str, Any]]:
    """The evaluations that are kept."""
    found: list[dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8"))["evaluations"]
    return found


def page() -> str:
    """The whole page."""
    return HEAD + "".join(section(evaluation, made) for evaluation in stored() for made in evaluation["tables"])


def section(evaluation: dict[str, Any], made: dict[str, Any]) -> str:
    """One table under its protocol: means and times, then means by collection, then where and how."""
    protocols = list(made["protocols"].values())
    stages = {(each["first_stage"], each["depth"]) for each in protocols}
    if len(stages) != 1:
        raise SystemExit(f"A table mixes the protocols {stages}: evaluate under one.")
    ((first_stage, depth),) = stages
    queries = sum(each["queries"] for each in protocols)
    title = f"{made['measure']}, first {depth} of {first_stage}, {len(protocols)} collections, {queries} queries"
    parts = [f"\n## {title}\n", *main_table(made), "", *by_collection(made), "", *conditions(evaluation, made)]
    return "\n".join(parts) + "\n"


def main_table(made: dict[str, Any]) -> list[str]:
    """A row a model, the best first, between no reranking and the ceiling."""
    percent = f"{100 * made['level']:g} %"
    head = ["model", made["measure"], percent, f"to {made['first']}", percent, "p", "won / even / lost"]
    rows = [[*_quality(row), *_times(row)] for row in ordered(made)]
    return grid([*head, "p50 ms", "p95 ms", "docs in 50 ms", "$ per M tokens"], rows)


def by_collection(made: dict[str, Any]) -> list[str]:
    """A row a collection: its queries, the recall of its candidates, and every model's mean."""
    rows = ordered(made)
    head = ["collection", "queries", "recall", *(row["model"] for row in rows)]
    lines = [
        [name, str(protocol["queries"]), _number(made["recall"].get(name)), *(_number(r["means"][name]) for r in rows)]
        for name, protocol in made["protocols"].items()
    ]
    return grid(head, lines)


def ordered(made: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows: what is no model first, the ceiling last, models in between by their means."""
    return sorted(
        made["rows"],
        key=lambda row: (row["model"] == CEILING, row["speed"] is not None, -row["mean"]["estimate"]),
    )


def conditions(evaluation: dict[str, Any], made: dict[str, Any]) -> Iterator[str]:
    """Sample, seed, date, machine, versions and command."""
    protocols = list(made["protocols"].values())
    seeds = {each["seed"] for each in protocols}
    drawn = "all judged queries" if seeds == {None} else f"queries drawn with seed {', '.join(map(str, seeds))}"
    yield f"- Sample: {drawn}; intervals and tests with seed {made['seed']}, {made['replicates']:,} replicates."
    yield f"- Begun {evaluation['started']}, on {where(evaluation)}."
    yield f"- Versions: {', '.join(f'{name} {version}' for name, version in evaluation['versions'].items())}."
    told = ", ".join("{collection} `{digest:.8}`".format(**each) for each in protocols)
    yield f"- Content of the data: {told}."
    yield f"- Command: `{evaluation['command']}`"


def where(evaluation: dict[str, Any]) -> str:
    """The machine in words."""
    return "{system}, {processor}, {cores} cores".format(**evaluation["machine"])


def _quality(row: dict[str, Any]) -> list[str]:
    mean, apart, pair = row["mean"], row["to_first"], row["comparison"]
    cells = [row["model"], _number(mean["estimate"]), f"{mean['low']:.4f} to {mean['high']:.4f}"]
    if apart is None or pair is None:
        return [*cells, "", "", "", ""]
    span = apart["interval"]
    # The comparison has the first model on its left, the row is the other one.
    return [
        *cells,
        f"{span['estimate']:+.4f}",
        f"{span['low']:+.4f} to {span['high']:+.4f}",
        f"{pair['corrected']:.4f}",
        f"{pair['losses']} / {pair['ties']} / {pair['wins']}",
    ]


def _times(row: dict[str, Any]) -> list[str]:
    took, price = row["speed"], row["price"]
    cost = "" if price is None else f"{'~' if price['extrapolated'] else ''}{price['usd']:.3f}"
    if took is None:
        return ["", "", "", cost]
    return [f"{took['p50_ms']:.1f}", f"{took['p95_ms']:.1f}", str(took["documents_per_50_ms"]), cost]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown, line by line."""
    rules = ["---", *["---:"] * (len(head) - 1)]
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (head, rules, *rows)]
    return [f"| {' | '.join(row)} |" for row in escaped]


def is_current() -> bool:
    """Whether the page is what would be written now."""
    return PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()


def main(arguments: Sequence[str]) -> None:
    """Keep the evaluations in the folders that are named, in place of those that were kept, and write the page."""
    if "--check" in arguments:
        sys.exit(0 if is_current() else f"{PAGE.name} is out of date: run python docs/leaderboard.py")
    if arguments:
        lines = ",\n".join(json.dumps(keep(Path(folder)), ensure_ascii=False) for folder in arguments)
        RESULTS.write_text(f'{{"evaluations": [\n{lines}\n]}}\n', encoding="utf-8", newline="\n")
    PAGE.write_text(page(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
