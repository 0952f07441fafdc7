"""Writes a BERT-type cross-encoder checkpoint as ONNX: `onnx/model.onnx` (fp32) and `onnx/model_int8.onnx`.

Knows the checkpoint's layout and what to calibrate on; how the graph is written is in `graph`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto
from tokenizers import Tokenizer

from secondpass.conversion.calibration import Ranges
from secondpass.conversion.graph import save
from secondpass.errors import InputError, UntrainedHead
from secondpass.models.variants import MARKER
from training import graph as build
from training.calibration import calibrated

Pair = tuple[str, str]
PREFIX = "bert."
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A cross-encoder as its folder has it."""

    weights: build.Weights
    shape: build.Shape
    labels: int
    tokenizer: Tokenizer


def export(folder: Path, calibration: Sequence[Pair]) -> tuple[Path, Path]:
    """Write both graphs into `folder`/onnx and give their paths: fp32, int8.

    Inputs `input_ids`, `attention_mask`, `token_type_ids` (int64, batch × length), output `logits` (batch × labels).
    A few hundred (query, document) pairs of the kind the model will read fix the int8 activation ranges.
    """
    if not calibration:
        raise InputError("No calibration pairs: give a few hundred (query, document) pairs to fix the int8 ranges by.")
    checkpoint = read(folder)
    paths = folder / "onnx" / "model.onnx", folder / "onnx" / "model_int8.onnx"
    save(graph(checkpoint), paths[0])
    watched = build.activations(checkpoint.shape, only_first=True)
    batches = [batch(checkpoint.tokenizer, calibration[i : i + _BATCH]) for i in range(0, len(calibration), _BATCH)]
    watching = graph(checkpoint, watched=watched)
    ranges, smoothing = calibrated(watching, watched, batches, checkpoint.weights, prefix=PREFIX)
    save(graph(checkpoint, ranges, smoothing), paths[1])
    (folder / MARKER).write_text(
        json.dumps({"int8": "static", "calibration_pairs": len(calibration)}), encoding="utf-8"
    )
    return paths


def read(folder: Path) -> Checkpoint:
    """Read a checkpoint. Raises `InputError` for what is not a BERT cross-encoder, `UntrainedHead` for no head."""
    from safetensors.numpy import load_file

    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    expected = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
    for name, value in expected.items():
        if config.get(name, value) != value:
            raise InputError(f"{folder}: {name} is {config[name]!r}; only {value!r} can be exported here.")
    weights = load_file(folder / "model.safetensors")
    missing = [n for n in (f"{PREFIX}pooler.dense.weight", "classifier.weight") if n not in weights]
    if missing:
        raise UntrainedHead(f"{folder} has no {missing[0]}: it is not a trained cross-encoder. Export one with a head.")
    shape = build.Shape(
        config["num_hidden_layers"], config["hidden_size"], config["num_attention_heads"], config["layer_norm_eps"]
    )
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(config["max_position_embeddings"])
    floats = {name: value.astype(np.float32) for name, value in weights.items() if value.dtype.kind == "f"}
    return Checkpoint(floats, shape, len(floats["classifier.bias"]), tokenizer)


def graph(
    checkpoint: Checkpoint,
    ranges: Ranges | None = None,
    smoothing: Mapping[str, NDArray[np.float32]] | None = None,
    *,
    watched: Sequence[str] = (),
) -> ModelProto:
    """The whole cross-encoder; int8 where `ranges` are given. `watched` activations become outputs too."""
    made = build.Graph(checkpoint.weights, ranges, smoothing or {})
    states = build.encoder(made, checkpoint.shape, prefix=PREFIX, token_types=True, only_first=True)
    logits = build.classifier(made, states, pooler=f"{PREFIX}pooler.dense")
    inputs = ("input_ids", "attention_mask", "token_type_ids")
    outputs: dict[str, list[str | int]] = {logits: ["batch", checkpoint.labels]}
    # The last layer's rows are those of the first token alone, so their number is left open.
    outputs |= {name: ["batch", f"{name}.rows", f"{name}.channels"] for name in watched}
    return made.model({name: (TensorProto.INT64, ["batch", "length"]) for name in inputs}, outputs)


def batch(tokenizer: Tokenizer, pairs: Sequence[Pair]) -> dict[str, NDArray[np.int64]]:
    """Padded model inputs for pairs, each (len(pairs), longest)."""
    encodings = tokenizer.encode_batch(list(pairs))
    shape = len(encodings), max(len(e.ids) for e in encodings)
    made = {name: np.zeros(shape, np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")}
    for row, encoding in enumerate(encodings):
        made["input_ids"][row, : len(encoding.ids)] = encoding.ids
        made["attention_mask"][row, : len(encoding.ids)] = 1
        made["token_type_ids"][row, : len(encoding.ids)] = encoding.type_ids
    return made


def main() -> None:
    """Export the checkpoint in FOLDER, calibrated on a JSON-lines file of {"query": …, "document": …}."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("calibration", type=Path)
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.calibration.read_text(encoding="utf-8").splitlines() if line.strip()]
    export(options.folder, [(row["query"], row["document"]) for row in rows])


if __name__ == "__main__":
    main()
