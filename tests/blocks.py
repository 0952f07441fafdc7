"""Tiny checkpoints in the layout of jina-reranker-v3, with random weights. Needs torch and transformers."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from tests import decoders

MARKS = ("<|score_token|>", "<|embed_token|>", "<|rerank_token|>")
"""What jina adds to Qwen3's vocabulary, in the order of their ids: 151669 and up."""

HIDDEN, SIZE = 32, 24
_CONFIG = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 64,
}


def write_blocks(folder: Path, *, tokenizer: Tokenizer | None = None, longest: int = 131072, seed: int = 0) -> Path:
    """Write a tiny JinaForRanking whose tokenizer has the marks; returns `folder`. `longest`: positions in tokens."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    tokenizer = tokenizer or decoders.qwen()
    tokenizer.add_special_tokens(list(MARKS))
    sizes = {**_CONFIG, "vocab_size": tokenizer.get_vocab_size(), "max_position_embeddings": longest}
    automatic: Any = AutoModel
    model = automatic.from_config(AutoConfig.for_model("qwen3", **sizes, pad_token_id=0))
    shapes = {f"model.{name}": tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    shapes |= {"projector.0.weight": (HIDDEN // 2, HIDDEN), "projector.2.weight": (SIZE, HIDDEN // 2)}
    folder.mkdir(parents=True, exist_ok=True)
    held = {name: torch.tensor(_draw(name, shape, seed)) for name, shape in shapes.items()}
    save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
    described = {
        **model.config.to_dict(),
        "architectures": ["JinaForRanking"],
        "auto_map": {"AutoModel": "modeling.JinaForRanking"},
        "dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(described), encoding="utf-8")
    untyped: Any = PreTrainedTokenizerFast
    untyped(
        tokenizer_object=tokenizer,
        model_max_length=longest,
        clean_up_tokenization_spaces=False,
        pad_token="<|endoftext|>",
    ).save_pretrained(folder)
    return folder


def _draw(name: str, shape: tuple[int, ...], seed: int) -> Any:
    if len(shape) == 1:
        return np.ones(shape, dtype=np.float32)
    draws = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return draws.normal(0.0, 0.25, shape).astype(np.float32)
