"""How fast is a GPU? Published shapes with random weights on real texts, packed, padded and by sentence-transformers.

    python -m benchmarks.accelerator --data ../shared/data/dev --tokenizers ../shared/tokenizers
    python -m benchmarks.accelerator … --device cpu --layers 1 --documents 40 --precision fp32      only to try it out

Prints for each shape and contender documents a second, documents within 50 ms, the latency of 100 candidates, and the
share of the rate at which this device multiplies matrices of the same type. Contenders are in one process and take
turns, for a device is not shared; times hold tokenising and all else. Decoders compute a prompt's beginning once, and
rows behind it are padded in either of our lines.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accelerator_models import SHAPES, Shape, make
from secondpass.backends.machine import versions
from secondpass.evaluation.beir import load_beir

ROOT = Path(__file__).parent.parent
CANDIDATES = 100
WITHIN = 0.05  # seconds
DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}

Score = Callable[[str, Sequence[str]], NDArray[np.float32]]


@dataclass(slots=True)
class Contender:
    """Who scores a query's documents, and what was measured of it."""

    name: str
    score: Score
    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    within: list[int] = field(default_factory=list)


def main() -> None:
    options = _arguments()
    peak = matmul_rate(options.device, options.precision)
    print(f"{date.today():%d %b %Y}, {device_name(options.device)}, {options.precision}; {_versions()}")
    print(f"matrix products of 4,096 × 4,096: {peak / 1e12:.1f} TFLOP/s\n")
    found = {}
    for name in options.shapes.split(","):
        folder = make(options.folder, name, options.tokenizers, options.layers)
        queries, documents = texts(options.data / options.collection, options.documents)
        contenders = [*_ours(folder, options), _peer(folder, options)]
        lengths = _lengths(folder, queries[0], documents)
        for _ in range(options.rounds + 1):  # the first one warms up
            for contender in contenders:
                measure(contender, queries, documents)
        print(report(name, contenders, lengths, SHAPES[name], options, peak))
        found[name] = {each.name: {"rates": each.rates, "latencies": each.latencies} for each in contenders}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


def measure(contender: Contender, queries: Sequence[str], documents: Sequence[str]) -> None:
    """One round: all documents, 100 candidates, and ever more documents until they take longer than 50 ms."""
    contender.rates.append(len(documents) / _seconds(contender.score, queries[0], documents))
    part = documents[:CANDIDATES]
    contender.latencies.append(statistics.median(_seconds(contender.score, query, part) for query in queries[:5]))
    count = 1
    while count < len(documents) and _seconds(contender.score, queries[1], documents[:count]) <= WITHIN:
        count = max(count + 1, count * 5 // 4)
    contender.within.append(count)


def report(
    name: str,
    contenders: Sequence[Contender],
    lengths: list[int],
    shape: Shape,
    options: argparse.Namespace,
    peak: float,
) -> str:
    """A table, a line a contender; and how far their scores lie apart."""
    lines = [f"### {name}: {len(lengths):,} documents, pairs of {np.mean(lengths):.0f} tokens\n"]
    lines.append("| contender | documents/s | ratio | within 50 ms | 100 candidates, ms | share of the peak |")
    lines.append("|---|---:|---:|---:|---:|---:|")
    slowest = statistics.median(contenders[-1].rates[1:])
    for each in contenders:
        rate = statistics.median(each.rates[1:])
        layers = options.layers or shape.sizes["num_hidden_layers"]
        work = shape.operations(lengths) * layers / shape.sizes["num_hidden_layers"] / len(lengths)
        lines.append(
            f"| {each.name} | {rate:,.0f} | {rate / slowest:.2f} | {statistics.median(each.within[1:]):,.0f} "
            f"| {1000 * statistics.median(each.latencies[1:]):.1f} | {rate * work / peak:.0%} |"
        )
    return "\n".join([*lines, ""])


def texts(folder: Path, count: int) -> tuple[list[str], list[str]]:
    """Queries and `count` documents of a collection, the same ones each time."""
    found = load_beir(folder)
    documents = [document.text for document in found.documents.values() if document.text.strip()]
    chosen = np.random.default_rng(0).choice(len(documents), min(count, len(documents)), replace=False)
    return [query.text for query in found.queries.values()], [documents[i] for i in chosen]


def matmul_rate(device: str, precision: str) -> float:
    """Operations a second of large matrix products in that type, the best of a few rounds."""
    import torch

    size = 4096 if device != "cpu" else 1024
    one = torch.randn(size, size, device=device).to(getattr(torch, DTYPES[precision]))
    best = 0.0
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(10):
            one @ one
        _settle(device)
        best = max(best, 10 * 2 * size**3 / (time.perf_counter() - began))
    return best


def device_name(device: str) -> str:
    """What a person would call it."""
    import torch

    return torch.cuda.get_device_name(device) if device.startswith("cuda") else f"{device} ({platform.machine()})"


def _ours(folder: Path, options: argparse.Namespace) -> list[Contender]:
    """Rows packed without padding, and rows padded to the longest of their batch."""
    from secondpass.backends.torch.backend import TorchBackend
    from secondpass.models.files import resolve
    from secondpass.models.pair import PairModel
    from secondpass.models.plan import plan
    from secondpass.models.prompt import PromptModel
    from secondpass.ranking.reranker import Reranker

    found = []
    for name, packed in (("secondpass packed", True), ("secondpass padded", False)):
        backend = TorchBackend(precision=options.precision, device=options.device, packed=packed)
        checkpoint = resolve(folder, readable=("safetensors",))
        planned = plan(folder, str(folder))
        scorer: PairModel | PromptModel = (
            PairModel(checkpoint, backend, planned.network)
            if planned.recipe is None
            else PromptModel(checkpoint, backend, planned.network, planned.recipe)
        )
        reranker = Reranker(scorer, capabilities=scorer.capabilities)
        found.append(Contender(name, partial(reranker.score, progress=False)))
    return found


def _peer(folder: Path, options: argparse.Namespace) -> Contender:
    import torch
    from sentence_transformers import CrossEncoder

    with _quiet():
        dtype = getattr(torch, DTYPES[options.precision])
        encoder = CrossEncoder(str(folder), device=options.device, model_kwargs={"torch_dtype": dtype})

    def score(query: str, documents: Sequence[str]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = encoder.predict(
            [(query, document) for document in documents], batch_size=options.batch, show_progress_bar=False
        )
        return found

    return Contender(f"sentence-transformers, batches of {options.batch}", score)


def _lengths(folder: Path, query: str, documents: Sequence[str]) -> list[int]:
    """Tokens of each pair; what the models' own templates add is the same for all and left out."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [len(each.ids) for each in tokenizer.encode_batch([(query, document) for document in documents])]


def _seconds(score: Score, query: str, documents: Sequence[str]) -> float:
    began = time.perf_counter()
    score(query, documents)  # gives numpy, so the device is done
    return time.perf_counter() - began


def _settle(device: str) -> None:
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def _quiet() -> AbstractContextManager[Any]:
    warnings.simplefilter("ignore")
    return nullcontext()


def _versions() -> str:
    found = versions()
    return ", ".join(f"{name} {found[name]}" for name in ("torch", "transformers") if name in found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of BEIR folders")
    parser.add_argument("--collection", default="cranfield")
    parser.add_argument("--tokenizers", type=Path, required=True, help="folders of tokenizer.json, plain or gzipped")
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--precision", choices=DTYPES, default="bf16")
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=32, help="sentence-transformers' batch size; 32 is its default")
    parser.add_argument("--layers", type=int, help="fewer than the shape has, to try the script out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "accelerator", help="where checkpoints are kept"
    )
    parser.add_argument("--json", type=Path, help="where to write what was measured")
    return parser.parse_args()


if __name__ == "__main__":
    main()
