"""What is published of encoders whose authors' code is not run here, written down a second time from their own names.

One pair at a time, without padding and batches; shares nothing with the package.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tests import checkpoints


def rerank(
    folder: Path, query: str, documents: Sequence[str], *, most: int, most_query: int, overlap: int
) -> NDArray[np.float32]:
    """What jina-reranker-v2's `rerank` is said to compute, before its sigmoid."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    untyped: Any = AutoTokenizer
    tokenizer = untyped.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    head = tokenizer(query, truncation=True, max_length=most_query)["input_ids"]
    room = most - len(head) - 2
    found = []
    for document in documents:
        ids = tokenizer(document, add_special_tokens=False, verbose=False)["input_ids"]
        chunks, start = [], 0
        while start + room < len(ids):
            chunks.append(ids[start : start + room])
            start += room - min(overlap, room // 4)
        chunks.append(ids[-room:] if start else ids)
        rows = [[*head, tokenizer.sep_token_id, *chunk, tokenizer.sep_token_id] for chunk in chunks]
        with torch.no_grad():
            found.append(max(float(model(torch.tensor([row])).logits) for row in rows))
    return np.array(found, dtype=np.float32)


def gte(folder: Path, ids: Sequence[int]) -> float:
    """The logit of one pair, from the names and formulas of the original layout."""
    held, config = weights(folder), json.loads((folder / "config.json").read_text(encoding="utf-8"))
    states = held("new.embeddings.word_embeddings.weight")[list(ids)]
    states = states + held("new.embeddings.token_type_embeddings.weight")[0]
    states = norm(states, held, "new.embeddings.LayerNorm", config)
    for place in range(config["num_hidden_layers"]):
        layer = f"new.encoder.layer.{place}."
        query, key, value = linear(states, held, f"{layer}attention.qkv_proj").chunk(3, dim=-1)
        query, key = (rotate(split(each, config), config) for each in (query, key))
        mixed = attend(query, key, split(value, config), torch.zeros(1))
        states = norm(states + linear(mixed, held, f"{layer}attention.o_proj"), held, f"{layer}attn_ln", config)
        up, gate = (states @ held(f"{layer}mlp.up_gate_proj.weight").T).chunk(2, dim=-1)
        inner = linear(up * torch.nn.functional.gelu(gate), held, f"{layer}mlp.down_proj")
        states = norm(states + inner, held, f"{layer}mlp_ln", config)
    pooled = torch.tanh(linear(states[0], held, "new.pooler.dense"))
    return float(linear(pooled, held, "classifier"))


def rotate(heads: torch.Tensor, config: dict[str, Any]) -> torch.Tensor:
    """Rotary positions of (heads, length, size), with NTK scaling."""
    size, factor = heads.shape[-1], config["rope_scaling"]["factor"]
    base = config["rope_theta"] * factor
    frequency = torch.tensor([base ** (-2 * place / size) / factor ** (2 / size) for place in range(size // 2)])
    angle = torch.arange(heads.shape[1])[:, None] * frequency
    first, second = heads.chunk(2, dim=-1)
    turned = (first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin())
    return torch.cat(turned, dim=-1)


def jina_bert(folder: Path, ids: Sequence[int], types: Sequence[int]) -> float:
    """The logit of one pair, from the names of the published weights."""
    held, config = weights(folder), json.loads((folder / "config.json").read_text(encoding="utf-8"))
    states = held("bert.embeddings.word_embeddings.weight")[list(ids)]
    states = states + held("bert.embeddings.token_type_embeddings.weight")[list(types)]
    states = norm(states, held, "bert.embeddings.LayerNorm", config)
    places = torch.arange(len(ids))
    count = config["num_attention_heads"]
    slope = torch.tensor([2 ** (-8 * (head + 1) / count) for head in range(count)])
    bias = -slope[:, None, None] * (places[None, :] - places[:, None]).abs()
    for place in range(config["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{place}."
        query, key, value = (
            split(linear(states, held, f"{layer}attention.self.{name}"), config) for name in ("query", "key", "value")
        )
        mixed = attend(query, key, value, bias)
        joined = states + linear(mixed, held, f"{layer}attention.output.dense")
        states = norm(joined, held, f"{layer}attention.output.LayerNorm", config)
        gate, other = (states @ held(f"{layer}mlp.gated_layers.weight").T).chunk(2, dim=-1)
        inner = linear(torch.nn.functional.gelu(gate) * other, held, f"{layer}mlp.wo")
        states = norm(states + inner, held, f"{layer}mlp.layernorm", config)
    return float(linear(torch.tanh(linear(states[0], held, "bert.pooler.dense")), held, "classifier"))


def pair_ids(folder: Path, query: str, document: str) -> list[int]:
    return pair_ids_and_types(folder, query, document)[0]


def pair_ids_and_types(folder: Path, query: str, document: str) -> tuple[list[int], list[int]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(checkpoints.MAX_TOKENS)
    found = tokenizer.encode(query, document)
    return found.ids, found.type_ids


def weights(folder: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors").__getitem__


def linear(states: torch.Tensor, held: Any, name: str) -> torch.Tensor:
    found: torch.Tensor = states @ held(f"{name}.weight").T + held(f"{name}.bias")
    return found


def norm(states: torch.Tensor, held: Any, name: str, config: dict[str, Any]) -> torch.Tensor:
    middle = states - states.mean(-1, keepdim=True)
    scaled = middle / (middle.square().mean(-1, keepdim=True) + config["layer_norm_eps"]).sqrt()
    found: torch.Tensor = scaled * held(f"{name}.weight") + held(f"{name}.bias")
    return found


def split(states: torch.Tensor, config: dict[str, Any]) -> torch.Tensor:
    """(length, hidden) as (heads, length, size)."""
    return states.view(len(states), config["num_attention_heads"], -1).transpose(0, 1)


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Attention of (heads, length, size) as (length, hidden)."""
    scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1]) + bias
    return (scores.softmax(-1) @ value).transpose(0, 1).flatten(1)
