"""What does a conversion cost, and what does it bring? Drift, size and speed of each precision, on two shapes.

    python -m benchmarks.convert
    python -m benchmarks.convert --shape minilm --precision int8 --json convert.json

"minilm": the backbone of all-MiniLM-L6-v2 with a seeded random head. "xlm-r": the shape of XLM-R base with the real
vocabulary and random weights, drawn so that activations keep their scale; its size and its speed are a trained model's,
its drift is not: random layers multiply what rounding takes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
from dataclasses import asdict
from datetime import date
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import secondpass
from benchmarks.engine_inputs import write_checkpoint
from secondpass.backends.machine import machine
from secondpass.conversion.convert import Conversion, Precision, Target

WORK = Path("build/convert")
SHAPES = ("minilm", "xlm-r")
SHARED = Path(os.environ.get("SECONDPASS_SHARED", "../shared"))
_SPECIALS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
_SPECIALS |= {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
_HEADER = ("shape", "to", "precision", "drift", "mean", "order", "MB", "was", "s/100", "was", "times")


def main() -> None:
    """Convert each shape to each target in each precision, and print the table."""
    options = _options()
    print(f"{date.today()}, {machine().cores} cores, load {', '.join(f'{each:.1f}' for each in os.getloadavg())}")
    print("\t".join(_HEADER))
    rows = []
    for shape, to, precision in product(options.shape, options.to, options.precision):
        found = _convert(_checkpoint(shape), to, precision)
        rows.append({"shape": shape, **asdict(found)})
        print("\t".join((shape, *_cells(found))), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1, default=str), encoding="utf-8")


def _options() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", nargs="+", choices=SHAPES, default=SHAPES)
    parser.add_argument("--to", nargs="+", choices=get_args(Target), default=get_args(Target))
    parser.add_argument("--precision", nargs="+", choices=get_args(Precision), default=get_args(Precision))
    parser.add_argument("--json", type=Path, help="also write all that was measured")
    return parser.parse_args()


def _convert(model: Path, to: Target, precision: Precision) -> Conversion:
    with TemporaryDirectory(dir=WORK) as place:
        return secondpass.convert(model, Path(place) / "made", to=to, precision=precision, tolerance=float("inf"))


def _cells(found: Conversion) -> tuple[str, ...]:
    drift, (before, after), (was, now) = found.drift, found.sizes, found.seconds
    return (
        found.target,
        found.precision,
        f"{drift.relative:.2g}",
        f"{drift.mean / drift.spread:.2g}",
        f"{drift.correlation:.4f}",
        f"{after / 1e6:.0f}",
        f"{before / 1e6:.0f}",
        f"{now:.2f}",
        f"{was:.2f}",
        f"{was / now:.1f}",
    )


def _checkpoint(shape: str) -> Path:
    """The checkpoint of that shape, made once."""
    folder = WORK / shape
    if not (folder / "config.json").is_file():
        making = WORK / f"{shape}.part"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        write_checkpoint(making, 0) if shape == "minilm" else _write_xlm_r(making)
        making.rename(folder)
    return folder.absolute()


def _write_xlm_r(folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForSequenceClassification

    packed = SHARED / "tokenizers" / "xlm-r" / "tokenizer.json.gz"
    if not packed.is_file():
        raise SystemExit(f"{packed} is not here: set SECONDPASS_SHARED, or leave out --shape xlm-r")
    tokenizer = Tokenizer.from_str(gzip.decompress(packed.read_bytes()).decode())
    sizes: dict[str, Any] = {
        "num_labels": 1,
        "vocab_size": tokenizer.get_vocab_size(),
        "max_position_embeddings": 514,
        "type_vocab_size": 1,
    }
    model = XLMRobertaForSequenceClassification(XLMRobertaConfig(**sizes))
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, parameter.shape[-1] ** -0.5, generator=draw)
    model.save_pretrained(folder)
    untyped: Any = PreTrainedTokenizerFast
    untyped(
        tokenizer_object=tokenizer,
        model_max_length=512,
        model_input_names=["input_ids", "attention_mask"],
        **_SPECIALS,
    ).save_pretrained(folder)


if __name__ == "__main__":
    main()
