"""Writes jina_v2.json: what the code of jina-reranker-v2's authors scores, run as it is published.

Takes the folder with that code, which is not part of this repository: modeling_xlm_roberta.py and the files that it
imports, from jinaai/jina-reranker-v2-base-multilingual on the hub. Run from the repository's root in an environment of
its own; the code needs transformers 4:

    pip install torch transformers==4.46.3 einops safetensors
    python -m tests.parity.goldens.make_jina FOLDER
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.layouts import write_flash
from tests.parity.goldens.checkpoint import DOCUMENTS, LONG_QUERY, QUERY, digest, write

GOLDEN = Path(__file__).with_name("jina_v2.json")
PAIRS = {"max_length": 96}
LISTS = {"max_length": 96, "max_query_length": 32, "overlap_tokens": 20}


def main(code: Path) -> None:
    """Make the goldens with the authors' code in the folder `code`."""
    from transformers import AutoModelForSequenceClassification

    with tempfile.TemporaryDirectory() as made:
        native = write(Path(made) / "native")
        folder = write_flash(Path(made) / "flash", native)
        for file in code.glob("*.py"):
            shutil.copy(file, folder)
        model: Any = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True).eval()
        golden = {
            "reference": "jina-reranker-v2's own code",
            "version": _code_digest(code),
            "transformers": version("transformers"),
            "checkpoint": digest(native),
            "cases": [_case(model, query) for query in (QUERY, LONG_QUERY, LONG_QUERY * 2)],
        }
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


def _case(model: Any, query: str) -> dict[str, Any]:
    """The scores of one query's documents, in their order, by both of the model's functions."""
    listed = model.rerank(query, list(DOCUMENTS), **LISTS)
    by_index = {int(each["index"]): float(each["relevance_score"]) for each in listed}
    return {
        "query": query,
        "compute_score": model.compute_score([(query, document) for document in DOCUMENTS], **PAIRS),
        "rerank": [by_index[index] for index in range(len(DOCUMENTS))],
    }


def _code_digest(code: Path) -> str:
    """What tells two versions of the authors' code apart."""
    found = hashlib.sha256()
    for file in sorted(code.glob("*.py")):
        found.update(file.name.encode() + file.read_bytes())
    return f"sha256 {found.hexdigest()[:12]}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
