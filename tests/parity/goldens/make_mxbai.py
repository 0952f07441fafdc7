"""Writes mxbai.json: what mxbai_rerank itself scores on a tiny checkpoint.

It needs transformers 4, so an environment of its own, with transformers==4.46.3 and mxbai-rerank==0.1.6 on a CPU. From
the repository's root: `PYTHONPATH=. python tests/parity/goldens/make_mxbai.py`.
"""

from __future__ import annotations

import json
import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from tests.decoders import write_decoder

QUERY = "who wrote the book of the second pass?"
INSTRUCTION = "prefer the newest document"
DOCUMENTS = (
    "the panda is a bear native to south central china.",
    "the river rises in the mountains and runs to the sea.\n\nIt is long.",
    "a",
    "numbers such as 12, 1984 and 3.14 are exact; 東京 is a city.",
)
LONG = tuple(document * 12 for document in DOCUMENTS)


def case(
    documents: tuple[str, ...] = DOCUMENTS, query: str = QUERY, instruction: str = "", max_length: int | None = None
) -> dict[str, Any]:
    """One request, as it is kept beside the scores. `max_length` None is the reference's own default."""
    return {"query": query, "documents": list(documents), "instruction": instruction, "max_length": max_length}


CASES = (
    case(),
    case(instruction=INSTRUCTION),
    case(LONG, max_length=64),
    case(LONG, query=QUERY * 4, max_length=48),
    case(LONG, instruction=INSTRUCTION, max_length=80),
    case(LONG),
)


def main() -> None:
    reference: Any = import_module("mxbai_rerank")  # it has no types
    with tempfile.TemporaryDirectory() as folder:
        write_decoder(Path(folder), "qwen2")
        found = []
        for each in CASES:
            length = {} if each["max_length"] is None else {"max_length": each["max_length"]}
            model = reference.MxbaiRerankV2(folder, device="cpu", torch_dtype=torch.float32, **length)
            queries = [each["query"]] * len(each["documents"])
            scores = model.predict(queries, each["documents"], instruction=each["instruction"] or None)
            found.append(each | {"scores": scores.tolist()})
    made = {"reference": "mxbai_rerank", "version": version("mxbai-rerank"), "family": "qwen2", "cases": found}
    path = Path(__file__).with_name("mxbai.json")
    path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
