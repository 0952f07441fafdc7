"""Writes flag_encoder.json: the logits of FlagEmbedding's FlagReranker, run as it is published.

Run from the repository's root in an environment of its own, with transformers 4 (5 has no `prepare_for_model`, so
FlagEmbedding reads the text of tokens a second time there):

    pip install FlagEmbedding==1.4.2 transformers==4.46.3
    python -m tests.parity.goldens.make_flag_encoder
"""

from __future__ import annotations

import json
import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.parity.goldens.checkpoint import DOCUMENTS, LONG_QUERY, QUERY, digest, write

GOLDEN = Path(__file__).with_name("flag_encoder.json")
CASES: tuple[dict[str, Any], ...] = (
    {"query": QUERY, "max_length": 160},
    {"query": QUERY, "max_length": 48},
    {"query": LONG_QUERY, "max_length": 64},
    {"query": QUERY, "max_length": 48, "query_max_length": 6},
)


def main() -> None:
    """Make the goldens."""
    with tempfile.TemporaryDirectory() as made:
        folder = write(Path(made))
        _name_tokenizer(folder / "tokenizer_config.json")
        reranker = import_module("FlagEmbedding").FlagReranker(str(folder), use_fp16=False, devices="cpu")
        found = [{**case, "logits": _logits(reranker, case)} for case in CASES]
        golden = {
            "reference": "FlagEmbedding FlagReranker",
            "version": version("FlagEmbedding"),
            "transformers": version("transformers"),
            "checkpoint": digest(folder),
            "cases": found,
        }
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


def _name_tokenizer(path: Path) -> None:
    """The class that real checkpoints name: FlagEmbedding has it join the ids of a pair, and a nameless one adds no
    special tokens then."""
    settings = json.loads(path.read_text(encoding="utf-8")) | {"tokenizer_class": "XLMRobertaTokenizer"}
    path.write_text(json.dumps(settings), encoding="utf-8")


def _logits(reranker: Any, case: dict[str, Any]) -> list[float]:
    lengths = {name: value for name, value in case.items() if name != "query"}
    pairs = [(case["query"], document) for document in DOCUMENTS]
    return [round(float(each), 7) for each in reranker.compute_score(pairs, **lengths)]


if __name__ == "__main__":
    main()
