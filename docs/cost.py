"""Writes docs/cost.md from the table of prices; with --check, only fails if the page is out of date.

Knows the assumptions of the page's comparison, and no price.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from secondpass.evaluation.cost import Machine, Traffic, break_even, per_month, per_query
from secondpass.evaluation.prices import PriceTable, load

PAGE = Path(__file__).with_name("cost.md")
ENGINE = Path(__file__).parent.parent / "benchmarks" / "results" / "engine.json"
MEASURED = "secondpass openvino int8"
HOSTED = (
    "voyage:rerank-2.5",
    "cohere:rerank-v3.5",
    "zeroentropy:zerank-2",
    "jina:jina-reranker-v2-base-multilingual",
    "deepinfra:Qwen/Qwen3-Reranker-0.6B",
)
QUERIES = 10_000
WIDTHS = (100, 20)
TOKENS = 500
GPU = Machine(usd_per_hour=1.006, tokens_per_second=40_000)
CPU_RATE = 0.0816
FIREWORKS = "https://www.getmaxim.ai/bifrost/llm-cost-calculator/provider/fireworks_ai/model/qwen3-reranker-8b"

HEAD = """# Cost

What a reranker costs, hosted or on a machine of your own, estimated from list prices. This page is written by
`python docs/cost.py`.

```sh
secondpass cost
secondpass cost cohere:rerank-v3.5 Qwen/Qwen3-Reranker-4B --queries-per-day 2000 --documents 50 --tokens 300
secondpass cost voyage:rerank-2.5 --hourly-rate 1.006 --tokens-per-second 40000 --setup 500
```

The last one adds what a machine of yours costs, from how many queries a day on it is no dearer, and after how many days
what it cost to set up is saved. `--json` gives the same with all digits.

## A price per million tokens

Every price has a date and a source; one that was not read on the provider's own page is marked `secondary`. A model
gets its price by the rule that [Contextual AI](https://contextual.ai/blog/rerank-v2) drew its figures by:

- A hosted model has its list price.
- Where it is sold by the search, a search is 100 documents, and a document is 500 tokens together with the query: c
  dollars a search are 20 c a million tokens.
- An open model lies on the straight line through the sizes and prices of the two nearest anchors. Outside them the
  line goes on, down to a floor, and the price is marked `extrapolated`. Weights in NVFP4 cost half.

What a query costs is calculated from the list price itself: by the search, each begun 100 documents are one, and a
document of more than 500 tokens is several. That is how Cohere counts.

"""
OWN = '''
```python
from pathlib import Path

from secondpass.evaluation.prices import load

Path("prices.toml").write_text("""
[[price]]
provider = "ours"
models = ["qwen3-8b"]
usd = 0.06
count = 1_000_000
per = "token"
as_of = 2026-11-20
source = "the contract"

[[anchor]]
model = "Qwen/Qwen3-Reranker-0.6B"
price = "deepinfra:Qwen/Qwen3-Reranker-0.6B"

[[anchor]]
billions = 8.2
price = "ours:qwen3-8b"
""")
table = load(Path("prices.toml"))
print(table.of("Qwen/Qwen3-Reranker-4B"))
```

`--prices prices.toml` gives the command the same file. Its prices go before ours, its anchors replace all of ours, and
a `[rule]` in it changes `documents`, `tokens`, `nvfp4` or `floor`.

## A machine of your own

`1e6 × rate / (3600 × tokens a second)` is what a million tokens cost on a machine that always has work. It seldom has:
a rented machine costs the same all night. So a month is counted in whole machines that are never switched off, as
many as the traffic needs; `--peak 3` says that the busiest hour has three times the mean. Measure tokens a second
with your documents: `secondpass bench`, times their tokens.

Or let the evaluation do both: `--result FOLDER` takes quality, documents, tokens and speed of every model from what
[`secondpass eval`](evaluation.md) wrote, and prices them at `--hourly-rate` on the machine that it ran on, each beside
the hosted ones. Its speed is of one query after the other.

```sh
printf 'query,document,label\\nboil,Water boils at 100 degrees.,1\\nboil,Iron rusts.,0\\n' > cost.csv
secondpass eval ./cost.csv --models embedded --output measured
secondpass cost cohere:rerank-v3.5 --result measured --hourly-rate 0.0816 --documents 100 --tokens 300
```

## Does it pay?

A [guide to open rerankers](published.md#what-texts-say-and-what-was-published) says that above 10,000 queries a day
open models pay for themselves within a month. Assumed here:

'''


def page() -> str:
    """The whole page."""
    table = load()
    return HEAD + anchors(table) + OWN + assumptions() + claim(table) + verdict(table)


def anchors(table: PriceTable) -> str:
    """Which anchors there are, and how far off the line is where a price is known."""
    named = "; ".join(f"`{each.price}`, {each.billions:.2g}B, ${each.usd:.3f}" for each in table.anchors)
    line = table.of("Qwen/Qwen3-Reranker-8B").usd
    listed = table.of("deepinfra:Qwen/Qwen3-Reranker-8B").usd
    return (
        f"The anchors are rerankers and not, as in those figures, language models of openrouter.ai: {named}. Take "
        f"prices by size for an order of magnitude: the line gives an 8B model ${line:.3f}, DeepInfra lists "
        f"Qwen3-Reranker-8B at ${listed:.3f}, and Fireworks, by a [secondary source]({FIREWORKS}), at $0.20.\n\n"
        "Prices change, and sources contradict each other: Rerank 4 Pro is found at $2.00 and at $2.50 for 1,000 "
        "searches. Your own go first:\n"
    )


def cpu() -> Machine:
    """Two cores, as fast as the engine's benchmark recorded."""
    found = json.loads(ENGINE.read_text(encoding="utf-8"))
    median = next(row["median"] for row in found["rows"] if row["name"] == MEASURED)
    return Machine(CPU_RATE, found["tokens"] / median)


def assumptions() -> str:
    """What the comparison rests on."""
    source = (
        "[secondary source](https://www.factualminds.com/blog/amazon-ec2-on-demand-pricing-instance-families-2026/)"
    )
    need = QUERIES * WIDTHS[0] * TOKENS / 86_400
    return (
        f"- {QUERIES:,} queries a day, documents of {TOKENS} tokens with the query, traffic even over the day.\n"
        f"- A GPU: g5.xlarge on demand in us-east-1, ${GPU.usd_per_hour}/h in June 2026 ({source}), "
        f"{GPU.tokens_per_second:,.0f} tokens/s. The speed is an assumption, nobody measured it here; with {WIDTHS[0]} "
        f"documents a query {need:,.0f} tokens/s are enough.\n"
        f"- Two cores: m7g.large, ${CPU_RATE}/h from the same source, {cpu().tokens_per_second:,.0f} tokens/s. That is "
        "a MiniLM-L6 in int8, [measured](numbers.md#speed) on two cores of another processor, with texts of mean 129 "
        "tokens; longer ones take longer. A model of its size is not what the others are: compare quality first.\n\n"
    )


def claim(table: PriceTable) -> str:
    """Break-even and the first month's savings, a row a hosted model and number of documents."""
    lines = [
        "| hosted | documents a query | $/month | break-even on the GPU, queries a day | saved a month on the GPU "
        "| saved a month on two cores |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, documents, hosted, even, saved in rows(table):
        told = "never" if even is None else f"{even:,.0f}"
        gpu, cores = (f"{'−' if each < 0 else ''}${abs(each):,.0f}" for each in saved)
        lines.append(f"| `{name}` | {documents} | {hosted:,.0f} | {told} | {gpu} | {cores} |")
    return "\n".join([*lines, ""])


def rows(
    table: PriceTable, queries: int = QUERIES
) -> Iterator[tuple[str, int, float, float | None, tuple[float, float]]]:
    """Name, documents a query, $ a month, break-even on the GPU, and $ saved a month on the GPU and on two cores."""
    for documents in WIDTHS:
        traffic = Traffic(queries, documents, TOKENS)
        for name in HOSTED:
            each = per_query(table.listed(name), traffic, table.rule)
            hosted = per_month(each, traffic)
            even = break_even(each, GPU, traffic.tokens_per_query)
            yield name, documents, hosted, even, (hosted - GPU.per_month(traffic), hosted - cpu().per_month(traffic))


def verdict(table: PriceTable) -> str:
    """What the table says of the claim."""
    found = list(rows(table))
    gpu = [row for row in found if row[4][0] > 0]
    cores = [row for row in found if row[4][1] > 0]
    most = max(row[4][0] for row in gpu)
    best = max(row[4][1] for row in cores)
    busy = [row for row in rows(table, 10 * QUERIES) if row[4][0] > 0]
    return (
        f"\n**As a rule the claim does not hold.** What was paid once to set a machine up is saved within a month only "
        f"where it is no more than the last columns say. On the GPU that is so in {len(gpu)} of {len(found)} rows, and "
        f"there for at most ${most:,.0f}: the threshold of 10,000 queries is about where a GPU at a dollar an hour "
        "costs as much as the dearest hosted models, so that nothing is left to pay for the work. On two cores with a "
        f"small model it holds in {len(cores)} of {len(found)} rows, for at most ${best:,.0f}. What decides is the "
        "price, the machine and the documents a query; the number of queries alone does not. At "
        f"{10 * QUERIES:,} queries a day, with more machines where one is too slow, the GPU saves something in "
        f"{len(busy)} of {len(found)} rows.\n"
    )


def is_current() -> bool:
    """Whether the page is what would be written now."""
    return PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(0 if is_current() else f"{PAGE.name} is out of date: run python docs/cost.py")
    PAGE.write_text(page(), encoding="utf-8")
