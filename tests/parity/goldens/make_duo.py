"""Writes duo.json: what pygaggle's own DuoT5 and MonoT5 score on a tiny checkpoint.

It needs transformers 4, so an environment of its own, with transformers==4.46.3 and pygaggle==0.0.3.1 (--no-deps) on a
CPU. Of pygaggle the rerankers, the tokenizers and the decoding are run; for what else it imports (spacy, pyserini, its
readers of data) empty modules stand in. Its tokenizer was one that adds no end token by itself. From the repository's
root: `PYTHONPATH=. python tests/parity/goldens/make_duo.py`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import torch

from tests.seq2seq import pieces, write_t5

QUERY = "who wrote the book of the river?"
DOCUMENTS = (
    "the panda is a bear native to china.",
    " the river runs  to the sea.\n",
    "a",
    "numbers such as 12, 1984 and 3.14 are exact",
)
ABSENT = (
    *("pyserini", "pyserini.search", "spacy", "spacy.lang", "spacy.lang.en", "pygaggle.model.evaluate"),
    *("pygaggle.model.serialize", "pygaggle.model.writer", "pygaggle.logger"),
)


class Empty(MagicMock):
    """A module with anything in it, of which `import *` takes nothing."""

    __all__ = ()


def without_past(prepare: Callable[..., Any]) -> Callable[..., Any]:
    """`prepare` as transformers had it when pygaggle was written, with an argument that is None here."""
    return lambda ids, past=None, **others: prepare(ids, **others)


def main() -> None:
    from transformers import PreTrainedTokenizerFast

    sys.modules.update({name: Empty() for name in ABSENT})
    reference: Any = import_module("pygaggle.rerank.transformer")
    base: Any = import_module("pygaggle.rerank.base")
    untyped: Any = PreTrainedTokenizerFast
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        write_t5(Path(folder), tied=False)
        bare = pieces(ends=False)
        tokenizer = untyped(tokenizer_object=bare, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
        for name, batches in (("DuoT5", reference.T5DuoBatchTokenizer), ("MonoT5", reference.T5BatchTokenizer)):
            kind = getattr(reference, name)
            model = kind.get_model(folder, device="cpu", torch_dtype=torch.float32)
            model.prepare_inputs_for_generation = without_past(model.prepare_inputs_for_generation)
            ranker = kind(model, batches(tokenizer, batch_size=4))
            texts = [base.Text(text, {"docid": place}) for place, text in enumerate(DOCUMENTS)]
            found[name] = [text.score for text in ranker.rerank(base.Query(QUERY), texts)]
    made = {"reference": "pygaggle", "version": version("pygaggle"), "query": QUERY, "documents": DOCUMENTS, **found}
    path = Path(__file__).with_name("duo.json")
    path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
