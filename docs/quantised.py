"""Writes docs/quantised.md from what benchmarks/quantised*.py recorded; with --check, only fails if it is out of date.

Knows the table of formats and the records, nothing of how they came about.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from secondpass.backends.torch.quantised import FORMATS, REMEDY

PAGE = Path(__file__).with_name("quantised.md")
RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "quantised.json"
HEAD = """# Quantised weights

This page is written by `python docs/quantised.py` from what `benchmarks/quantised.py` and
`benchmarks/quantised_on_load.py` recorded.

## On load

With torch, `precision="int8"` or `"int4"` makes any checkpoint's linear weights small as it is loaded: int8 with a
scale for each row, or bitsandbytes' NF4 with a scale for each 64 weights. What they are multiplied with is not rounded,
so a pair's logit is the same alone and in any batch; embeddings, pooler and head stay as they are. It saves memory once
the model is loaded: the weights are read in full first, and each is expanded again when its layer is computed. `"int4"`
needs the extra below.

## Checkpoints that are quantised already

They load as any other does. The libraries for the first three formats come with an extra:

<!-- not run: installs the package -->
```sh
pip install 'secondpass[quantised,torch]'
```

In memory, *kept* weights stay as small as they are in the file; *expanded* ones take the room of the precision that is
computed in, so that the checkpoint saves download alone. 8-bit weights of bitsandbytes are kept, but computed as above
rather than by LLM.int8, where a row's score depends on its neighbours. A classifier's head that was stored small is
expanded, and computed in fp32. The output matrix of a decoder has to be in full precision in the file; where it is not,
loading says so. A LoRA adapter on a model whose weights are kept small is refused.
"""
RESULT_HEAD = """
## What was tried

Each row: a random checkpoint of two layers (decoder: Qwen3, its logit the difference of two output rows; encoder: BERT
with a classifier) was written by the library that is named, or in the format's layout, and loaded on a CPU in fp32.
Whether its weights are read as they are stored is what *off by* says: the greatest difference of eight logits to those
of a plain fp32 checkpoint, *held against*, whose linear weights `benchmarks/quantised_decoding.py` decodes from the
same file, by formula and with no library. Behind it is what it may be; a row beyond that would be called wrong.
*Rounding* is what quantising itself did to random weights: the greatest difference to the logits of the checkpoint
before it, whose standard deviation is in brackets. It says nothing of trained weights. No row was run on a GPU.
"""


NOTE = """
A row comes from `python -m benchmarks.quantised --only 'FORMAT'`, with the name of its first column, where the versions
above are installed. gptqmodel asks for a newer torch than was there: it was installed with `--no-deps` beside
its other requirements, as were torchao, hqq and optimum-quanto.
"""


def page() -> str:
    """The whole page."""
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]
    made = json.loads(RESULTS.read_text(encoding="utf-8"))["on_load"]
    return HEAD.replace("## Checkpoints", f"{on_load(made)}\n## Checkpoints") + (
        formats() + RESULT_HEAD + table(rows) + NOTE + refused()
    )


def on_load(rows: list[dict[str, Any]]) -> str:
    """What small weights made on load cost and save."""
    first, eight, four = rows
    lines = [
        f"The backbone of all-MiniLM-L6-v2 under a random head, {first['pairs']} pairs of Cranfield, on a CPU, "
        f"{first['versions']}, {first['date']}, by `{first['command']}`. *Off by* is the greatest difference of a "
        "logit to fp32's, *mean* the mean one, both as parts of the logits' standard deviation; *order* is Spearman's "
        "correlation with fp32's order of a query's documents, the mean of ten queries:",
        "",
        "| `precision` | off by | mean | order | weights without embeddings |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        drift, mean = (row[name] / row["spread"] for name in ("drift", "mean"))
        size = f"{row['megabytes']:.1f} MB"
        lines.append(f"| `{row['precision']}` | {drift:.2f} | {mean:.2f} | {row['rank']:.3f} | {size} |")
    return "\n".join([*lines, "", _judgement(eight, four), ""])


def _judgement(eight: dict[str, Any], four: dict[str, Any]) -> str:
    return (
        "The difference is what rounding does, not how it is computed: fp32 models whose weights were rounded by "
        f"formula have the same logits, but for {eight['off']:g} and {four['off']:g} (halfway between two codes either "
        "is right). So 4 bits change the order of a small encoder's documents visibly: take them where 8 do not fit, "
        "and measure on your own queries."
    )


def formats() -> str:
    """What is read, by which library."""
    lines = ["", "| `quant_method` | what it is | in memory | needs |", "|---|---|---|---|"]
    for each in FORMATS:
        needs = f"`pip install {each.install}`" if each.install else "–"
        lines.append(f"| `{each.method}` | {each.title} | {each.weights} | {needs} |")
    return "\n".join([*lines, ""])


def table(rows: list[dict[str, Any]]) -> str:
    """What came of each trial."""
    lines = ["", "| format | checkpoint | off by | held against | rounding | result | versions | date |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for row in rows:
        off = "–" if row["off"] is None else f"{row['off']:g} (≤ {row['bound']:g})"
        drift = "–" if row["drift"] is None else f"{row['drift']:.3f} ({row['spread']:.2f})"
        result = row["result"].replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
        told = (row["name"], row["kind"], off, row["held"] or "–", drift, result, row["versions"], row["date"])
        lines.append(f"| {' | '.join(told)} |")
    return "\n".join([*lines, ""])


def refused() -> str:
    """A line on each format that is not read."""
    lines = [f"- **{each.title}** (`{each.method}`): {each.instead}." for each in FORMATS if each.weights == "refused"]
    return "\n## What is not read\n\n" + "\n".join(lines) + f"\n\n{REMEDY}\n"


def is_current() -> bool:
    """Whether the page is what would be written now."""
    return PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(0 if is_current() else f"{PAGE.name} is out of date: run python docs/quantised.py")
    PAGE.write_text(page(), encoding="utf-8")
