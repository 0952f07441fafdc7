"""The checkpoint that PyLate's goldens are made with: the one of checkpoint.py, turned into a ColBERT in its layout.

Needs numpy, safetensors and tokenizers alone, and gives the same numbers wherever it is written.
"""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from tests.parity.goldens import checkpoint

MARKERS = ("[Q] ", "[D] ")
SIZE = 16


def write(folder: Path, **settings: Any) -> Path:
    """Write a tiny XLM-RoBERTa with a projection; `settings` go into config_sentence_transformers.json."""
    checkpoint.write(folder)
    random = np.random.default_rng(1)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_tokens([*MARKERS])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = {
        name.removeprefix("roberta."): tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
        if name.startswith("roberta.")
    }
    words = weights["embeddings.word_embeddings.weight"]
    added = random.standard_normal((tokenizer.get_vocab_size() - len(words), words.shape[1])) * 0.25
    weights["embeddings.word_embeddings.weight"] = np.concatenate([words, added.astype(np.float32)])
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config |= {"architectures": ["XLMRobertaModel"], "vocab_size": tokenizer.get_vocab_size()}
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    _write_dense(folder / "1_Dense", random, words.shape[1])
    kinds = (("sentence_transformers.models.Transformer", ""), ("pylate.models.Dense.Dense", "1_Dense"))
    modules = [{"idx": at, "name": str(at), "path": path, "type": kind} for at, (kind, path) in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    told: dict[str, Any] = {"query_prefix": MARKERS[0], "document_prefix": MARKERS[1], "query_length": 20}
    told |= {"document_length": 48, "attend_to_expansion_tokens": False, "skiplist_words": list(string.punctuation)}
    told |= {"do_query_expansion": True, "model_type": "ColBERT", "similarity_fn_name": "MaxSim", "prompts": {}}
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps(told | settings), encoding="utf-8")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 47, "do_lower_case": false}')
    return folder


def _write_dense(folder: Path, random: np.random.Generator, hidden: int) -> None:
    folder.mkdir()
    config: dict[str, Any] = {"in_features": hidden, "out_features": SIZE, "bias": False}
    config |= {"activation_function": "torch.nn.modules.linear.Identity"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(
        {"linear.weight": random.standard_normal((SIZE, hidden)).astype(np.float32)}, folder / "model.safetensors"
    )
