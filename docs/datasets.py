"""Writes docs/datasets.md from the table of benchmarks; with --check, only fails if the page is out of date.

Knows the table and the names that readers take, no data.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from secondpass.evaluation.benchmarks import Benchmark, rows
from secondpass.evaluation.stages import NAMES, REMEMBERED_MB
from secondpass.evaluation.tabular import COLUMNS

PAGE = Path(__file__).with_name("datasets.md")
HEAD = """# Data to measure with

This page is written by `python docs/datasets.py` from the table that `secondpass datasets` shows.

## Your own

A collection is opened by its path, plain or compressed:

- a folder in the BEIR layout, or a zip of one: `corpus.jsonl` (`_id`, `title`, `text`), `queries.jsonl` (`_id`, `text`,
  `instruction`), `qrels/test.tsv` (`query-id`, `corpus-id`, `score`), and `candidates.tsv` (`query-id`,
  `corpus-id`, best first) where candidates are given. Parts may end in `.gz` or, with the extra `eval`, `.zst`;
- a folder with TREC's files: `topics.txt` (or `topics.tsv`, of id and text), `qrels.txt`, and `corpus.jsonl` or
  `collection.tsv`;
- labelled pairs or triples in `.jsonl`, `.csv` or `.tsv`;
- a set of instructions: ours, or in the layout of a benchmark, below;
- a data set of AIR-Bench: `corpus_NAME.jsonl`, `queries_NAME_dev.jsonl` (`id`, `text`) and `qrels_NAME_dev.jsonl`
  (`qid`, `docid`, `relevance`), the hub's rows under the names of its splits.

What cannot be read is named with its file and line. Pairs are enough to begin with:

```sh
printf 'query,document,label\\nwho wrote it,A. Author wrote it,1\\nwho wrote it,It was raining,0\\n' > pairs.csv
secondpass datasets ./pairs.csv
```

```python
from secondpass.evaluation.datasets import open_collection

collection = open_collection("./pairs.csv")
```

Columns are found by these names, or given: `open_collection(path, columns={"query": "frage"})`.

"""
TABULAR = """
Without a label a document is relevant. The candidates of a query are what stands beside it, in an order made from
their content, so that the order of the file gives no label away.

## Sets of instructions

Queries that differ in the instruction alone are one group: a sample never parts them, and a group counts once
([what is measured](evaluation.md#are-instructions-followed)).

| layout | what is in the folder | rankings a group | measures |
| --- | --- | --- | --- |
| ours | `dev.jsonl`: `id`, `kind`, `query`, `instruction`, `now`, `documents`, `labels`, `reversed_instruction`, \
`reversed_labels` | plain, reversed | MRR of grade 3, nDCG@10, flips, p-MRR |
| FollowIR | BEIR with query ids in `-og` and `-changed`, `qrel_diff.jsonl` and `top_ranked.jsonl` (`query-id`, \
`corpus-ids`), `instruction.jsonl` | original, changed | p-MRR, nDCG@5 and MAP of both |
| InfoSearch | BEIR with `qrels_og`, `qrels_changed` and `qrels_reversed` for `qrels`; queries with \
`instruction_og`, `_changed` and `_reversed` | original, instructed, reversed | p-MRR, WISE, SICR, nDCG@10 |
| Contextual AI | `train.jsonl`: `query`, `instruction`, `positive_metadata`, `negative_metadata`, \
`source_dataset`, `passage_id`; `passages.jsonl` with `source_dataset`, `passage_id`, `text` | one | MRR |

`secondpass datasets followir/core17 --fetch` gets FollowIR over the network. The others are rows of the hub saved as
JSON Lines under these names; Contextual's passages have to be fetched from where they came from. How Contextual join
passage and metadata is not published: here metadata follow the passage on a line of their own. InfoSearch comes without
candidates, so that a first stage finds them.

## The hidden part of AIR-Bench

Its judgements are secret: the leaderboard takes a zip of rankings. `evaluation.airbench` reads queries without
judgements, and writes the zip as air-benchmark 0.1.0 does:

```python
import json
from pathlib import Path

import secondpass
from secondpass.evaluation.airbench import Task, load_airbench, write_upload
from secondpass.evaluation.second_pass import rerank_candidates
from secondpass.evaluation.stages import open_stage

folder = Path("qa_wiki_en")
folder.mkdir(exist_ok=True)
rows = {
    "corpus_default": [{"id": "d1", "text": "Water boils at 100 degrees."}, {"id": "d2", "text": "Iron rusts."}],
    "queries_default_test": [{"id": "q1", "text": "when does water boil"}],
}
for name, listed in rows.items():
    (folder / f"{name}.jsonl").write_text("\\n".join(map(json.dumps, listed)))

hidden = load_airbench(folder, split="test")
candidates = open_stage("bm25").find(hidden, 100).run
with secondpass.load("embedded") as reranker:
    ranked = rerank_candidates(hidden, candidates, reranker)
write_upload(Path("upload.zip"), {Task("qa", "wiki", "en"): ranked}, retriever="bm25", reranker="embedded")
```

## First stages

Every result carries the name of what found its candidates.

"""
STAGES = f"""
A document that is the query itself is left out, unless it is judged relevant. For the benchmarks marked *ids removed*
below, a document with the query's own id is left out always, as BEIR does. Dense vectors are kept in memory, at most
{REMEMBERED_MB} MiB of them.

## Named benchmarks

A name is opened from a folder or a zip of that name where collections lie: `--data-dir`, `SECONDPASS_DATA`, or
`~/.cache/secondpass/data`. Data that is not there is fetched on request only, and kept there:

<!-- not run: needs the network -->
```sh
secondpass datasets beir/scifact --fetch
```

That takes the extra `datasets`. It was tried with rows as the libraries give them, and never over the network. An id of
ir_datasets opens as `ir_datasets:ID`.

Counts, revisions and licences without another source are those of mteb 2.26.24; *unstated* is what nobody says.

"""
PROTOCOLS = """
## Protocols

How published numbers were made. Numbers of two protocols do not belong into one table.

"""
_MEANINGS = {
    "bm25": "BM25, Lucene's form; k1 1.5, b 0.75, no stemming",
    "bm25-robertson": "BM25 as Robertson has it",
    "bm25-atire": "BM25 as ATIRE has it",
    "bm25l": "BM25L",
    "bm25+": "BM25+",
    "dense": "cosine of the embedded encoder; `dense:MODEL` for another bi-encoder",
    "run": "`run:FILE`, a TREC run, in trec_eval's order",
    "candidates": "the lists that the data comes with; `candidates:FILE` for `.tsv`, or mteb's `.jsonl` and `.json`",
    "oracle": "the relevant documents first: the upper bound; `oracle:SEED`",
    "random": "any documents: the lower bound; `random:SEED`",
}


def page() -> str:
    """The whole page."""
    columns = [(f"`{role}`", ", ".join(f"`{name}`" for name in names)) for role, names in COLUMNS.items()]
    stages = [(f"`{name}`", _MEANINGS[name]) for name in NAMES]
    return "".join(
        (
            HEAD,
            _table(("holds", "names, the first that is there"), columns),
            TABULAR,
            _table(("name", "what it is"), stages),
            STAGES,
            _table(("name", "title", "queries", "documents", "metric", "licence", "data"), map(_row, rows())),
            PROTOCOLS,
            _table(("benchmark", "by", "first stage", "k", "metric", "sets", "weights", "taken from"), _protocols()),
            "\n## Notes\n\n",
            "".join(f"- `{row.name}`: {row.note}.\n" for row in rows() if row.note),
        )
    )


def is_current() -> bool:
    """Whether the page says what the table says."""
    return PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()


def _row(row: Benchmark) -> tuple[object, ...]:
    queries = f"{len(row.members)} sets" if row.members else _count(row.queries)
    licence = "of its members" if row.members else row.licence
    return f"`{row.name}`", row.title, queries, _count(row.documents), row.metric, licence, _data(row)


def _data(row: Benchmark) -> str:
    sources = [
        f"hub: {row.hub}" if row.hub else "",
        f"ir_datasets: {row.ir_datasets}" if row.ir_datasets else "",
        f"{len(row.subsets)} subsets" if row.subsets else "",
        "ids removed" if row.identical_ids else "",
        row.access if row.access != "open" else "",
    ]
    return "; ".join(source for source in sources if source)


def _protocols() -> Iterable[tuple[object, ...]]:
    for row in rows():
        for told in row.protocol:
            by = f"{told.by} ({told.note})" if told.note else told.by
            how = (told.first_stage, told.depth, told.metric, told.sets or "", told.weights)
            yield (f"`{row.name}`", by, *how, told.evidence)


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _table(header: Iterable[str], lines: Iterable[Iterable[object]]) -> str:
    head = list(header)
    written = [head, ["---"] * len(head), *([str(cell) for cell in line] for line in lines)]
    return "".join(f"| {' | '.join(line)} |\n" for line in written)


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(0 if is_current() else f"{PAGE.name} is out of date: run python docs/datasets.py")
    PAGE.write_text(page(), encoding="utf-8")
