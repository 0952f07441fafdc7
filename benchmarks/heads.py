"""What does reading two rows of the output matrix save, and what does a shared prefix? A decoder of random weights.

    python -m benchmarks.heads                    Qwen3-Reranker-0.6B's shape, fp32, 8 rows of 512 tokens; 50 documents
    python -m benchmarks.heads --precision bf16

Prints seconds and memory beside the weights for one batch scored by two rows of the output matrix (secondpass), by the
last position's logits of the whole vocabulary (transformers with logits_to_keep=1), and by every position's; then
seconds for 50 documents behind an instruction of 300 tokens, its keys and values computed once and computed for each.
Every contender runs in a process of its own, rounds are interleaved. Needs Linux's /proc for the memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import PREFIX
from secondpass.backends.machine import machine, versions
from secondpass.backends.network import Network, Projection

ROOT = Path(__file__).parent.parent
SHAPES: dict[str, dict[str, Any]] = {
    "qwen3-0.6b": {
        "hidden_size": 1024,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "intermediate_size": 3072,
        "vocab_size": 151_936,
    },
    "tiny": {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "intermediate_size": 128,
        "vocab_size": 16_000,
    },
}
ROWS = (9693, 2152)  # "yes" and "no" of Qwen3's vocabulary
HEADS = ("two rows", "last position's vocabulary", "every position's vocabulary")
PREFIXES = ("prefix once", "prefix in every row")
BATCH, LENGTH = 8, 512
DOCUMENTS, INSTRUCTION = 50, 300

Pass = Callable[[], NDArray[np.float32]]


def main() -> None:
    options = _arguments()
    folder = make_checkpoint(options.folder / f"{options.shape}-{options.precision}", options)
    if options.child:
        _child(options.child, folder, options)
        return
    print(f"{date.today():%d %b %Y}, {machine().cores} cores, {platform.machine()}; " + describe(options))
    print(f"load before the run: {os.getloadavg()[0]:.2f}\n" if hasattr(os, "getloadavg") else "")
    for title, names in (
        (f"one batch, {BATCH} × {LENGTH} tokens", HEADS),
        (f"{DOCUMENTS} documents behind {INSTRUCTION} tokens", PREFIXES),
    ):
        print(f"### {title}\n\n| contender | median s | ratio | beside the weights, MB | logits off by |")
        print("|---|---:|---:|---:|---:|")
        for line in table(names, options):
            print(line)
        print()


def table(names: tuple[str, ...], options: argparse.Namespace) -> list[str]:
    """A line a contender; they take turns, one process at work at a time."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            found[name].append(_turn(name, options))
    first = found[names[0]]
    base = statistics.median(turn["seconds"] for turn in first)
    lines = []
    for name, turns in found.items():
        seconds = statistics.median(turn["seconds"] for turn in turns)
        off = np.abs(np.array(turns[0]["logits"]) - np.array(first[0]["logits"])).max()
        memory = statistics.median(turn["memory"] for turn in turns)
        lines.append(f"| {name} | {seconds:.2f} | {seconds / base:.2f} | {memory:,.0f} | {off:.1g} |")
    return lines


def make_checkpoint(folder: Path, options: argparse.Namespace) -> Path:
    """A random Qwen3 of the shape asked for, made once."""
    if (folder / "config.json").is_file():
        return folder
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    config = Qwen3Config(**SHAPES[options.shape], tie_word_embeddings=True, pad_token_id=0)
    model = Qwen3ForCausalLM(config).to(_dtype(options.precision))
    model.save_pretrained(folder)
    return folder


def describe(options: argparse.Namespace) -> str:
    """The shape, the precision and the versions in one line."""
    found = versions()
    return f"{options.shape} in {options.precision}, torch {found.get('torch')}"


def _turn(name: str, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.heads", "--child", name, "--shape", options.shape]
    command += ["--precision", options.precision, "--folder", str(options.folder)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _child(name: str, folder: Path, options: argparse.Namespace) -> None:
    """Load, run one small pass to warm up, then the pass that is measured."""
    rng = np.random.default_rng(0)
    vocabulary = SHAPES[options.shape]["vocab_size"]
    if name in HEADS:
        rows = rng.integers(100, vocabulary, (BATCH, LENGTH))
        make = _two_rows if name == HEADS[0] else _transformers
        # A row at a time first: what is mapped of the weights, and read when it is needed, is then there.
        warm: list[Pass] = [make(name, folder, options, row[None]) for row in rows]
        run = make(name, folder, options, rows)
    else:
        lengths = np.clip(rng.normal(120, 40, DOCUMENTS), 16, 300).astype(int)
        documents = [rng.integers(100, vocabulary, length) for length in lengths]
        prefix = rng.integers(100, vocabulary, INSTRUCTION)
        other = np.flip(prefix).copy()  # so that the measured prefix is new
        warm = [_behind(name, folder, options, other, documents[:1])]
        run = _behind(name, folder, options, prefix, documents)
    for each in warm:
        each()
    before = _forget_peak()
    began = time.perf_counter()
    logits = run()
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "memory": _peak() - before, "logits": logits.tolist()}))


def _two_rows(_name: str, folder: Path, options: argparse.Namespace, rows: NDArray[np.int64]) -> Pass:
    graph = _graph(folder, options)
    tensors = {"input_ids": rows, "attention_mask": np.ones_like(rows), PREFIX: np.zeros((1, 0), np.int64)}
    return lambda: graph.run(tensors)["logits"][:, 0]


def _transformers(name: str, folder: Path, options: argparse.Namespace, rows: NDArray[np.int64]) -> Pass:
    import torch
    from transformers import AutoModelForCausalLM

    model = _MODELS.setdefault("causal", None) or AutoModelForCausalLM.from_pretrained(
        folder, dtype=_dtype(options.precision)
    )
    _MODELS["causal"] = model.eval()
    kept = 1 if name == HEADS[1] else 0

    def run() -> NDArray[np.float32]:
        with torch.inference_mode():
            logits = model(torch.tensor(rows), logits_to_keep=kept, use_cache=False).logits[:, -1].float()
            found: NDArray[np.float32] = (logits[:, ROWS[0]] - logits[:, ROWS[1]]).numpy()
        return found

    return run


def _behind(
    name: str, folder: Path, options: argparse.Namespace, prefix: NDArray[np.int64], documents: list[NDArray[np.int64]]
) -> Pass:
    """All documents in batches of like lengths, the prefix before each."""
    from secondpass.engine.batching import batches

    graph = _graph(folder, options)
    once = name == PREFIXES[0]
    rows = documents if once else [np.concatenate([prefix, document]) for document in documents]
    none = np.zeros((1, 0), np.int64)

    def run() -> NDArray[np.float32]:
        found = np.empty(len(rows), np.float32)
        for batch in batches([len(row) for row in rows], budget=4096):
            longest = max(len(rows[i]) for i in batch)
            ids = np.zeros((len(batch), longest), np.int64)
            mask = np.zeros_like(ids)
            for place, i in enumerate(batch):
                ids[place, : len(rows[i])], mask[place, : len(rows[i])] = rows[i], 1
            tensors = {"input_ids": ids, "attention_mask": mask, PREFIX: prefix[None] if once else none}
            found[batch] = graph.run(tensors)["logits"][:, 0]
        return found

    return run


_MODELS: dict[str, Any] = {}


def _graph(folder: Path, options: argparse.Namespace) -> Any:
    from secondpass.backends.torch.backend import TorchBackend

    if "graph" not in _MODELS:
        head = Projection(("lm_head.weight", "model.embed_tokens.weight"), rows=ROWS)
        backend = TorchBackend(precision=options.precision, device="cpu")
        _MODELS["graph"] = backend.load(folder / "model.safetensors", Network(head=head))
    return _MODELS["graph"]


def _dtype(precision: str) -> Any:
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]


def _forget_peak() -> float:
    """Start to look for the peak anew, so that loading does not count; gives what is resident now, in MB."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _peak()


def _peak() -> float:
    """The most memory this process had resident since then, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="qwen3-0.6b")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "heads", help="where checkpoints are kept")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
