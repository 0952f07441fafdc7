"""Are quantised checkpoints read right? Writes each format, loads it, and holds its logits against decoded weights.

    pip install 'secondpass[quantised]'
    python -m benchmarks.quantised                                   # what is installed
    pip install --target build/torchao --no-deps torchao
    PYTHONPATH=build/torchao python -m benchmarks.quantised --only torchao

Each is compared with a plain fp32 checkpoint whose linear weights benchmarks/quantised_decoding.py decoded from the
same file, formula by formula: the two should have the same logits. Rows of formats that were not run stay in
benchmarks/results/quantised.json as they are. Run `python docs/quantised.py` afterwards, which writes the page.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quantised_checkpoints import (
    Make,
    compressed,
    four_bits,
    fp8_blocks,
    marked,
    on_load,
    torchao,
    write_plain,
)
from benchmarks.quantised_decoding import decode, round_inputs
from secondpass.backends.base import PREFIX
from secondpass.backends.network import Network, Projection
from secondpass.backends.torch.backend import Precision, TorchBackend
from secondpass.backends.torch.quantised import FORMATS
from secondpass.errors import ModelError

RESULTS = Path(__file__).parent / "results" / "quantised.json"
KINDS = ("decoder", "encoder")
EXACT = 1e-4  # what sums of fp32 in another order explain
DECODED = "the file's weights, decoded"
ROWS = Network(head=Projection(("lm_head.weight",), rows=(7, 9)))


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to store weights: the method that config.json names, what it is, who wrote it, and how.

    `bound` is how far a logit may be from that of the decoded weights in fp32, and `held` what those are, and what else
    is rounded where the bound is wide. `tokens` says that the inputs of each layer are in int8 too.
    """

    name: str
    method: str
    written: str
    make: Make
    bound: float = EXACT
    held: str = DECODED
    tokens: bool = False


def _bits(name: str, **settings: Any) -> Trial:
    return Trial(f"bitsandbytes {name}", "bitsandbytes", "bitsandbytes", on_load("BitsAndBytesConfig", **settings))


def _compressed(preset: str, held: str = DECODED) -> Trial:
    return Trial(
        f"compressed-tensors {preset}", "compressed-tensors", "compressed-tensors", compressed(preset), held=held
    )


def _torchao(name: str, config: str) -> Trial:
    return Trial(f"torchao {name}", "torchao", "torchao", torchao(config))


_KERNEL = f"{DECODED}; the library's kernel is not exact"
_TOKENS = f"{DECODED}, inputs of layers rounded to int8; values between two codes may go either way"

TRIALS = (
    _bits("int8", load_in_8bit=True),
    _bits("nf4", load_in_4bit=True, bnb_4bit_quant_type="nf4"),
    _bits("nf4, double", load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True),
    _bits("fp4", load_in_4bit=True, bnb_4bit_quant_type="fp4"),
    *(_compressed(preset) for preset in ("W8A16", "W8A8", "W4A16", "FP8", "FP8_DYNAMIC", "MXFP4A16")),
    *(_compressed(preset, f"{DECODED}, then rounded to bf16") for preset in ("NVFP4A16", "NVFP4")),
    Trial("fp8, 64 × 64", "fp8", "the layout", fp8_blocks),
    Trial("AWQ gemm", "awq", "the layout", four_bits("awq"), 0.005, _KERNEL),
    Trial("GPTQ", "gptq", "the layout", four_bits("gptq"), 0.005, _KERNEL),
    _torchao("int8", "Int8WeightOnlyConfig"),
    replace(_torchao("int8, dynamic", "Int8DynamicActivationInt8WeightConfig"), tokens=True, held=_TOKENS, bound=0.02),
    _torchao("fp8", "Float8WeightOnlyConfig"),
    _torchao("int4", "Int4WeightOnlyConfig"),
    Trial("HQQ", "hqq", "hqq", on_load("HqqConfig", nbits=8)),
    Trial("quanto int8", "quanto", "optimum-quanto", on_load("QuantoConfig", weights="int8")),
    *(
        Trial(method, method, "settings alone", marked(method))
        for method in ("mxfp4", "nvfp4", "modelopt", "fbgemm_fp8", "auto-round", "bitnet", "gguf")
    ),
)
"""In the order of the table. A row for each kind of `KINDS`."""


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one trial; what was not computed is None.

    `off`: the greatest difference of a logit to that of `held`, which may be up to `bound`; `drift`: to that of the
    checkpoint before it was quantised. `spread`: the standard deviation of the latter.
    """

    name: str
    method: str
    kind: str
    result: str
    held: str | None
    off: float | None
    bound: float | None
    drift: float | None
    spread: float
    versions: str
    date: str
    command: str


def run(trial: Trial, kind: str, folder: Path) -> Row:
    """Write the checkpoint, load it as any other, and compare."""
    plain = write_plain(folder / kind, kind)
    exact = logits(plain, kind)
    drift, off = None, None
    try:
        trial.make(plain, folder / "small")
    except (ImportError, ValueError, RuntimeError, NotImplementedError, AttributeError) as error:
        result = f"its library does not write it here: {_short(error)}"
    else:
        try:
            small = logits(folder / "small", kind)
        except (ModelError, RuntimeError) as error:
            result = f"refused: {_short(error, folder)}"
        else:
            decoded = decode(folder / "small", plain, folder / "decoded")
            off = greatest(small - logits(decoded, kind, tokens=trial.tokens))
            drift = round(greatest(small - exact), 4)
            result = "loads and scores" if off <= trial.bound else "wrong: its weights are not read as they are stored"
    return Row(
        name=trial.name,
        method=trial.method,
        kind=kind,
        result=result,
        held=None if off is None else trial.held,
        off=None if off is None else float(f"{off:.1e}"),
        bound=None if off is None else trial.bound,
        drift=drift,
        spread=round(float(exact.std()), 4),
        versions=versions(trial.method),
        date=date.today().isoformat(),
        command=f"python -m benchmarks.quantised --only '{trial.name}'",
    )


def greatest(differences: NDArray[np.float32]) -> float:
    """The greatest, whichever its sign."""
    return float(np.abs(differences).max())


def logits(folder: Path, kind: str, precision: Precision = "fp32", *, tokens: bool = False) -> NDArray[np.float32]:
    """The logits of eight rows on the CPU, with `tokens` of inputs in int8; checks that a row alone has the same."""
    graph: Any = TorchBackend(precision=precision, device="cpu").load(
        folder / "model.safetensors", ROWS if kind == "decoder" else None
    )
    if tokens:
        round_inputs(graph._module)
    ids = np.random.default_rng(0).integers(1, 128, (8, 24))
    batch = {name: np.zeros((1, 0), np.int64) if name == PREFIX else np.zeros_like(ids) for name in graph.inputs}
    batch |= {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    found: NDArray[np.float32] = graph.run(batch)["logits"]
    alone = graph.run({name: each[:1] for name, each in batch.items()})["logits"]
    if np.abs(alone - found[:1]).max() > 0.02:
        raise RuntimeError(f"a row's logit depends on its neighbours by {np.abs(alone - found[:1]).max():.3f}")
    return found


def versions(method: str) -> str:
    """The versions of what reads a method, and of torch and transformers."""
    needs = next(each.needs for each in FORMATS if each.method == method)
    names = [*(name.replace("_", "-") for name in needs), "torch", "transformers"]
    return ", ".join(f"{name} {_version(name)}" for name in names)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _short(error: Exception, folder: Path | None = None) -> str:
    text = " ".join(str(error).split())
    text = text.replace(str(folder / "small"), "it") if folder else text
    return text if len(text) < 240 else f"{text[:240]}…"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="words that names of trials begin with, separated by ;")
    words = tuple(parser.parse_args().only.lower().split(";"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))
    recorded = {(row["name"], row["kind"]): row for row in kept["rows"]}
    for trial in TRIALS:
        if not trial.name.lower().startswith(words):
            continue
        for kind in KINDS:
            with TemporaryDirectory() as folder:
                row = run(trial, kind, Path(folder))
            recorded[row.name, kind] = asdict(row)
            print(f"{row.name:28} {kind:8} off {row.off} drift {row.drift} {row.result}", flush=True)
    order = [recorded[trial.name, kind] for trial in TRIALS for kind in KINDS if (trial.name, kind) in recorded]
    text = json.dumps({**kept, "rows": order}, indent=1, ensure_ascii=False)
    RESULTS.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
