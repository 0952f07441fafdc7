"""Writes pylate.json: what PyLate itself scores on a tiny checkpoint.

It needs an older sentence-transformers, so an environment of its own, with torch, transformers==5.3.0,
sentence-transformers==5.3.0 and pylate==1.6.0 (without its dependencies for indexes: `pip install --no-deps pylate`).
From the repository's root: `PYTHONPATH=. python tests/parity/goldens/make_pylate.py`.
"""

from __future__ import annotations

import json
import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.parity.goldens import late_checkpoint
from tests.parity.goldens.checkpoint import DOCUMENTS, LONG_QUERY, QUERY

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"attend_to_expansion_tokens": True},
    {"do_query_expansion": False},
    {"skiplist_words": [], "query_length": 40, "document_length": 24},
)


def main() -> None:
    models: Any = import_module("pylate.models")  # it has no types
    scores: Any = import_module("pylate.scores")
    found = []
    for settings in SETTINGS:
        with tempfile.TemporaryDirectory() as folder:
            late_checkpoint.write(Path(folder), **settings)
            model = models.ColBERT(folder, device="cpu", do_query_expansion=settings.get("do_query_expansion", True))
            for query in (QUERY, LONG_QUERY):
                asked = model.encode([query], is_query=True, convert_to_numpy=False)
                # One by one: documents are padded to their longest, and a padded one is compared with its padding.
                read = [model.encode([each], is_query=False, convert_to_numpy=False)[0] for each in DOCUMENTS]
                values = [float(scores.colbert_scores([asked[0]], [each])[0, 0]) for each in read]
                found.append({"settings": settings, "query": query, "scores": values})
    made = {"reference": "pylate", "version": version("pylate"), "documents": list(DOCUMENTS), "cases": found}
    path = Path(__file__).with_name("pylate.json")
    path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
