"""Writes t5ranker.json: what the T5Ranker of rerankers itself scores on tiny checkpoints.

It needs rerankers==0.10.0 beside transformers, on a CPU. From the repository's root:
`PYTHONPATH=. python tests/parity/goldens/make_t5ranker.py`.
"""

from __future__ import annotations

import json
import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from tests.seq2seq import write_t5

QUERY = "who wrote the book of the river?"
DOCUMENTS = (
    "the panda is a bear native to china.",
    " the river runs  to the sea.\n",
    "",
    "a",
    "numbers such as 12, 1984 and 3.14 are exact; " * 4,
    "the river runs to the sea and the panda is in it. " * 60,
)


def main() -> None:
    reference: Any = import_module("rerankers.models.t5ranker")
    with tempfile.TemporaryDirectory() as there:
        folders = {
            "tied": (write_t5(Path(there) / "tied"), "▁true", "▁false"),
            "untied": (write_t5(Path(there) / "untied", tied=False, seed=1), "▁true", "▁false"),
            "mt5": (write_t5(Path(there) / "mt5", "mt5", tied=False, begin=3), "▁yes", "▁no"),
        }
        found = {}
        for name, (folder, true, false) in folders.items():
            told = {"device": "cpu", "dtype": torch.float32, "verbose": 0, "token_true": true, "token_false": false}
            found[name] = reference.T5Ranker(str(folder), **told)._get_scores(QUERY, list(DOCUMENTS))
    made = {"reference": "rerankers", "version": version("rerankers"), "query": QUERY, "documents": DOCUMENTS, **found}
    path = Path(__file__).with_name("t5ranker.json")
    path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
