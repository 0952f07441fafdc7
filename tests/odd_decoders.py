"""Tiny checkpoints of FlagEmbedding's decoders, the same on every machine and with every version of torch.

Weights come from numpy's generator and the tokenizer's vocabulary is written down, so that goldens made by the authors'
code in another environment belong to these very files; `digest` proves it. Needs numpy, safetensors and transformers;
nothing of secondpass, because that other environment has not got it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.float32]]

_HIDDEN, _HEADS, _INNER, _LAYERS, _START = 32, 4, 48, 6, 2
_NAMES = ("pad_token", "eos_token", "bos_token", "unk_token")
_SPECIALS = {
    "minicpm": ("<pad>", "</s>", "<s>", "<unk>"),
    "cost_wise_gemma": ("<pad>", "<eos>", "<bos>", "<unk>"),
    "gemma": ("<pad>", "<eos>", "<bos>", "<unk>"),
}
_MERGES = (("Y", "e"), ("Ye", "s"), ("t", "h"), ("th", "e"), ("Ġ", "a"), ("Ġ", "the"), ("i", "n"), ("e", "r"))
_SHARED: dict[str, Any] = {
    "hidden_size": _HIDDEN,
    "intermediate_size": _INNER,
    "num_hidden_layers": _LAYERS,
    "num_attention_heads": _HEADS,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "rms_norm_eps": 1e-5,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 2,
    "torch_dtype": "float32",
}
_GEMMA = {"head_dim": 8, "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh"}
CONFIGS: Mapping[str, dict[str, Any]] = {
    "minicpm": {
        **_SHARED,
        "architectures": ["LayerWiseMiniCPMForCausalLM"],
        "model_type": "minicpm",
        "hidden_act": "silu",
        "scale_emb": 3,
        "scale_depth": 1.4,
        "dim_model_base": 16,
        "start_layer": _START,
        "head_multi": True,
        "head_type": "simple",
        "rope_theta": 10000.0,
        "rope_scaling": None,
        "tie_word_embeddings": True,
    },
    "cost_wise_gemma": {
        **_SHARED,
        **_GEMMA,
        "architectures": ["CostWiseGemmaForCausalLM"],
        "model_type": "cost_wise_gemma",
        "query_pre_attn_scalar": 16,
        "sliding_window": 24,
        "attn_logit_softcapping": 5.0,
        "final_logit_softcapping": 3.0,
        "layer_wise": True,
        "start_layer": _START,
        "layer_sep": 1,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
    },
    "gemma": {
        **_SHARED,
        **_GEMMA,
        "architectures": ["GemmaForCausalLM"],
        "model_type": "gemma",
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
    },
}
"""config.json of each: sizes and scales of its own, so that none of them can be forgotten."""


def write(folder: Path, kind: str, seed: int = 0) -> Path:
    """Write the checkpoint of `kind`, a key of `CONFIGS`; returns `folder`."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(_config(kind)), encoding="utf-8")
    save_file(_weights(kind, seed), folder / "model.safetensors", metadata={"format": "pt"})
    _write_tokenizer(folder, kind)
    return folder


def digest(folder: Path, kind: str) -> str:
    """SHA-256 of what is written: the settings, the vocabulary, and the weights by name."""
    from safetensors.numpy import load_file

    found = hashlib.sha256((folder / "config.json").read_bytes())
    found.update(json.dumps([_vocabulary(kind), _MERGES]).encode())
    for name, tensor in sorted(load_file(folder / "model.safetensors").items()):
        found.update(name.encode() + tensor.tobytes())
    return found.hexdigest()


def _config(kind: str) -> dict[str, Any]:
    return {**CONFIGS[kind], "vocab_size": len(_vocabulary(kind))}


def _weights(kind: str, seed: int) -> Weights:
    """Matrices N(0, 0.25), the scales of norms N(1, 0.1), or around 0 where the architecture adds the 1."""
    random = np.random.default_rng(seed)
    found = {}
    for name, shape in _shapes(kind):
        middle, wide = (0.0, 0.25) if len(shape) > 1 else (1.0 if kind == "minicpm" else 0.0, 0.1)
        found[name] = random.normal(middle, wide, shape).astype(np.float32)
    return found


def _shapes(kind: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    config = _config(kind)
    head = config.get("head_dim", _HIDDEN // _HEADS)
    values = config["num_key_value_heads"] * head
    yield "model.embed_tokens.weight", (config["vocab_size"], _HIDDEN)
    norms = ["input_layernorm", "post_attention_layernorm"]
    if kind == "cost_wise_gemma":
        norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
    for layer in range(_LAYERS):
        inside = f"model.layers.{layer}"
        yield f"{inside}.self_attn.q_proj.weight", (_HEADS * head, _HIDDEN)
        yield f"{inside}.self_attn.k_proj.weight", (values, _HIDDEN)
        yield f"{inside}.self_attn.v_proj.weight", (values, _HIDDEN)
        yield f"{inside}.self_attn.o_proj.weight", (_HIDDEN, _HEADS * head)
        yield f"{inside}.mlp.gate_proj.weight", (_INNER, _HIDDEN)
        yield f"{inside}.mlp.up_proj.weight", (_INNER, _HIDDEN)
        yield f"{inside}.mlp.down_proj.weight", (_HIDDEN, _INNER)
        for norm in norms:
            yield f"{inside}.{norm}.weight", (_HIDDEN,)
    yield "model.norm.weight", (_HIDDEN,)
    for index in range(_LAYERS + 1 - _START if "start_layer" in config else 0):
        yield f"lm_head.{index}.linear_head.weight", (1, _HIDDEN)


def _vocabulary(kind: str) -> dict[str, int]:
    from tokenizers import pre_tokenizers

    tokens = [
        *_SPECIALS[kind],
        *sorted(pre_tokenizers.ByteLevel.alphabet()),
        *(left + right for left, right in _MERGES),
    ]
    return {token: index for index, token in enumerate(tokens)}


def _write_tokenizer(folder: Path, kind: str) -> None:
    """Byte pairs with a few merges; the first special token and `$A`, padded on the left unless the caller turns it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = _vocabulary(kind)
    specials = dict(zip(_NAMES, _SPECIALS[kind], strict=True))
    first = specials["bos_token"]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=list(_MERGES), unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(specials.values()))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A", pair=f"{first} $A $B", special_tokens=[(first, vocabulary[first])]
    )
    untyped: Any = PreTrainedTokenizerFast
    untyped(tokenizer_object=tokenizer, padding_side="left", **specials).save_pretrained(folder)
