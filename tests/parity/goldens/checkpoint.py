"""The checkpoint that goldens are made with: the same numbers wherever it is written, whatever is installed there.

The tokenizer lies beside this file and the weights are drawn by numpy, since training a tokenizer and torch's random
numbers may differ from version to version. Needs numpy and safetensors alone.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

TOKENIZER = Path(__file__).with_name("tokenizer.json")
POSITIONS = 160
QUERY = "who wrote the book of the second pass?"
LONG_QUERY = "how do I sort a list of tuples in Python by the second item? " * 3
DOCUMENTS = (
    "a panda is a bear",
    "a",
    "the river rises in the mountains and runs to the sea. " * 2,
    "numbers such as 12, 1984 and 3.14 are exact. " * 9,
    "a query and a document are read together by a cross encoder. prefer the newest source. " * 14,
)
_SPECIALS = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
_HIDDEN, _MIDDLE, _LAYERS, _HEADS = 32, 64, 2, 4


def write(folder: Path, seed: int = 0) -> Path:
    """Write a tiny XLM-RoBERTa classifier with `<s> q </s></s> d </s>`; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = len(json.loads(TOKENIZER.read_text(encoding="utf-8"))["model"]["vocab"])
    random = np.random.default_rng(seed)
    tensors = {name: _drawn(random, name, shape) for name, shape in _shapes(vocabulary).items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(_config(vocabulary), indent=2), encoding="utf-8")
    shutil.copy(TOKENIZER, folder / "tokenizer.json")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": POSITIONS}
    settings |= {"model_input_names": ["input_ids", "attention_mask"]}
    settings |= {f"{name}_token": token for name, token in _SPECIALS.items()}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    return folder


def digest(folder: Path) -> str:
    """What tells two checkpoints apart: their weights and their tokenizer."""
    found = hashlib.sha256()
    for name in ("model.safetensors", "tokenizer.json"):
        found.update((folder / name).read_bytes())
    return found.hexdigest()


def _config(vocabulary: int) -> dict[str, object]:
    return {
        "architectures": ["XLMRobertaForSequenceClassification"],
        "attention_probs_dropout_prob": 0.0,
        "bos_token_id": 0,
        "classifier_dropout": None,
        "eos_token_id": 2,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "hidden_size": _HIDDEN,
        "id2label": {"0": "LABEL_0"},
        "intermediate_size": _MIDDLE,
        "label2id": {"LABEL_0": 0},
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": POSITIONS + 2,
        "model_type": "xlm-roberta",
        "num_attention_heads": _HEADS,
        "num_hidden_layers": _LAYERS,
        "pad_token_id": 1,
        "type_vocab_size": 1,
        "vocab_size": vocabulary,
    }


def _drawn(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Matrices N(0, 0.25), biases N(0, 0.1), scales of layer norms N(1, 0.1)."""
    drawn = random.standard_normal(shape) * (0.25 if len(shape) > 1 else 0.1)
    return (drawn + 1 if name.endswith("LayerNorm.weight") else drawn).astype(np.float32)


def _shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    square = (_HIDDEN, _HIDDEN)
    matrices = {"classifier.dense": square, "classifier.out_proj": (1, _HIDDEN)}
    norms = ["roberta.embeddings.LayerNorm"]
    for place in range(_LAYERS):
        layer = f"roberta.encoder.layer.{place}."
        parts = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
        matrices |= {layer + part: square for part in parts}
        matrices |= {f"{layer}intermediate.dense": (_MIDDLE, _HIDDEN), f"{layer}output.dense": (_HIDDEN, _MIDDLE)}
        norms += [f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"]
    rows = {"word": vocabulary, "position": POSITIONS + 2, "token_type": 1}
    shapes: dict[str, tuple[int, ...]] = {
        f"roberta.embeddings.{name}_embeddings.weight": (count, _HIDDEN) for name, count in rows.items()
    }
    for name, shape in matrices.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    for name in norms:
        shapes |= {f"{name}.weight": (_HIDDEN,), f"{name}.bias": (_HIDDEN,)}
    return shapes
