"""Writes odd.json: the scores of FlagEmbedding's three rerankers of decoders, run as they are published.

Run from the repository's root in an environment of its own, with transformers 4, which their code needs:

    pip install FlagEmbedding==1.4.2 transformers==4.46.3 peft==0.13.2
    python -m tests.parity.goldens.make_odd
"""

from __future__ import annotations

import json
import os
import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports the hub's client: it reads it once

from tests import odd_decoders  # behind that

GOLDEN = Path(__file__).with_name("odd.json")
QUERY = "who wrote the book of the second pass?"
DOCUMENTS = (
    "the river rises in the mountains and runs to the sea.",
    "a",
    "a query and a document are read together by a cross encoder. " * 3,
    "numbers such as 12",
)
LONG = ("the second pass is a book. " * 12, "short", "an author and a query. " * 9)
MAX_LENGTH = 64  # at which the long query and LONG are cut
CUTOFFS = (2, 4, 6)
COMPRESSIONS = ((4, 1, [0]), (6, 1, [0]), (5, 2, [3]), (5, 4, [2, 8]), (6, 2, [2, 4]), (4, 8, [1]), (3, 2, [0]))


def main() -> None:
    """Make the goldens."""
    with tempfile.TemporaryDirectory() as made:
        folders = {kind: odd_decoders.write(Path(made) / kind, kind) for kind in odd_decoders.CONFIGS}
        golden = {
            "reference": "FlagEmbedding",
            "version": version("FlagEmbedding"),
            "transformers": version("transformers"),
            "checkpoints": {kind: odd_decoders.digest(folder, kind) for kind, folder in folders.items()},
            "query": QUERY,
            "documents": DOCUMENTS,
            "long_query": QUERY * 2,
            "long": LONG,
            "max_length": MAX_LENGTH,
            "cases": [
                *_plain(folders["gemma"]),
                *_layerwise(folders["minicpm"]),
                *_lightweight(folders["cost_wise_gemma"]),
            ],
        }
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


def _plain(folder: Path) -> list[dict[str, Any]]:
    reranker = import_module("FlagEmbedding").FlagLLMReranker(str(folder), use_fp16=False, devices="cpu")
    return [{"kind": "gemma", "asked": {}, **_scores(reranker, {})}]


def _layerwise(folder: Path) -> list[dict[str, Any]]:
    reranker = import_module("FlagEmbedding").LayerWiseFlagLLMReranker(
        str(folder), use_fp16=True, devices="cpu"
    )  # fp32 all the same: it is a CPU
    asked = ({"cutoff_layers": [cutoff]} for cutoff in CUTOFFS)
    return [{"kind": "minicpm", "asked": each, **_scores(reranker, each)} for each in asked]


def _lightweight(folder: Path) -> list[dict[str, Any]]:
    """Attention as FlagEmbedding takes it, which is "sdpa" and has no softcap, and "eager", as Gemma 2 is defined."""
    reranker = import_module("FlagEmbedding").LightWeightFlagLLMReranker(str(folder), use_fp16=True, devices="cpu")
    defined = type(reranker.model).from_pretrained(str(folder), attn_implementation="eager")
    cases = []
    for model, compressions in ((reranker.model, COMPRESSIONS), (defined, COMPRESSIONS[1:3])):
        reranker.model = model
        for cutoff, ratio, layers in compressions:
            asked = {"cutoff_layers": [cutoff], "compress_ratio": ratio, "compress_layers": layers}
            told = {"kind": "cost_wise_gemma", "attention": model.config._attn_implementation, "asked": asked}
            cases.append({**told, **_scores(reranker, asked)})
    return cases


def _scores(reranker: Any, asked: dict[str, Any]) -> dict[str, list[float]]:
    plain = reranker.compute_score([(QUERY, document) for document in DOCUMENTS], **asked)
    cut = reranker.compute_score([(QUERY * 2, document) for document in LONG], max_length=MAX_LENGTH, **asked)
    return {"scores": [round(score, 7) for score in plain], "cut": [round(score, 7) for score in cut]}


if __name__ == "__main__":
    main()
