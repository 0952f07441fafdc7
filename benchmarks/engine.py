"""How fast is a pass? 100 real documents, identical weights, every contender in its own process, rounds interleaved.

    python -m benchmarks.engine --make-envs                        once: an environment for every peer under build/envs
    python -m benchmarks.engine --data ../shared/data/dev          the table
    python -m benchmarks.engine --data … --only secondpass         our own rows alone

Prints, for each contender, median and best seconds for the 100 documents, how many times ours that is, peak memory,
and the time from process start to the first scores (20 documents); then the int8 floor, measured in the same rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.engine_floor import operations
from benchmarks.engine_inputs import FLASHRANK, Inputs, prepare
from secondpass.backends.machine import machine, versions

ROOT = Path(__file__).parent.parent
WORKER = Path(__file__).with_name("engine_worker.py")
PAUSE = 0.3  # seconds between turns, for idle threads of the last one to go to sleep
OPENVINO_FILE = "openvino/openvino_model_qint8_quantized.xml"
REFERENCE = "sentence-transformers torch fp32"
OURS = "secondpass openvino int8"
PLAIN = "secondpass onnxruntime int8"

ENVIRONMENTS = {
    "st": ["sentence-transformers==6.2.0"],
    "st-onnx": ["sentence-transformers[onnx]>=5.5"],
    "st-openvino": ["sentence-transformers[openvino]==6.2.0", "datasets"],
    "flashrank": ["flashrank==0.2.10"],
}
"""Peers and what they need; `st-onnx` takes the newest release whose ONNX extra still installs."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A row: the environment whose python runs it ("" is ours), the kind of worker, its model's folder and options."""

    name: str
    environment: str
    kind: str
    model: str | None
    options: Mapping[str, Any] = field(default_factory=dict)
    prepared_by: str = ""
    needs: str = ""


def _ours(backend: str, precision: str) -> Contender:
    options = {"backend": backend, "precision": precision}
    return Contender(f"secondpass {backend} {precision}", "", "secondpass", "model", options)


def _peer(name: str, environment: str, backend: str, file: str = "", prepared_by: str = "") -> Contender:
    options: dict[str, Any] = {} if backend == "torch" else {"backend": backend}
    if file:
        options["model_kwargs"] = {"file_name": file}
    return Contender(
        f"sentence-transformers {name}", environment, "sentence-transformers", environment, options, prepared_by, file
    )


CONTENDERS = (
    _ours("openvino", "int8"),
    _ours("onnxruntime", "int8"),
    _ours("openvino", "fp32"),
    _ours("onnxruntime", "fp32"),
    Contender("secondpass embedded", "", "secondpass", None),
    _peer("torch fp32", "st", "torch"),
    _peer("onnx fp32", "st-onnx", "onnx", "onnx/model.onnx", "quantise-onnx"),
    _peer("onnx int8", "st-onnx", "onnx", "onnx/model_qint8_avx512_vnni.onnx", "quantise-onnx"),
    _peer("openvino int8", "st-openvino", "openvino", OPENVINO_FILE, "quantise-openvino"),
    Contender("FlashRank fp32", "flashrank", "flashrank", "flashrank"),
)


class Worker:
    """A contender's process: started, asked for one round at a time, told to end by closing its stdin."""

    def __init__(self, python: Path, task: Mapping[str, Any], *, quiet: bool = True) -> None:
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [str(python), str(WORKER), json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            text=True,
            env=environment(ours=python == Path(sys.executable)),
        )
        self.last = self._answer()
        self.version = self.last.get("version", "")
        self.cold = time.perf_counter() - began

    def turn(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write("{}\n")
        self._process.stdin.flush()
        self.last = self._answer()
        return self.last

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.close()
            code = self._process.returncode
            raise WorkerFailed(f"its process ended with {code} before it answered; --verbose shows what it printed")
        answer: dict[str, Any] = json.loads(line)
        return answer


class WorkerFailed(Exception):
    """A contender's process ended before it answered."""


@dataclass(slots=True)
class Row:
    """What was measured of one contender."""

    contender: Contender
    worker: Worker
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def environment(*, ours: bool) -> dict[str, str]:
    """The worker's environment variables: no network, and this checkout for our own workers alone."""
    quiet = {"HF_HUB_OFFLINE": "1", "ORT_DISABLE_TELEMETRY": "1"}
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])} if ours else {}
    return {**inherited, **quiet, **paths}


def main() -> None:
    options = _arguments()
    if options.make_envs:
        make_environments(options.envs, ENVIRONMENTS)
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    load = os.getloadavg() if hasattr(os, "getloadavg") else None
    inputs = prepare(options.folder.resolve(), options.data / options.collection, options.seed)
    header = describe(inputs, options, load)
    print("\n".join(header) + "\n", flush=True)
    floor = Worker(Path(sys.executable), {"kind": "floor", "model": str(inputs.folder), "threads": options.threads})
    rows = list(start(inputs, options))
    rates = measure(rows, floor, options.rounds)
    print(report(rows, rates, inputs))
    if options.json:
        options.json.write_text(json.dumps(to_json(rows, rates, inputs, header), indent=1), encoding="utf-8")


def start(inputs: Inputs, options: argparse.Namespace) -> Iterator[Row]:
    """Start every contender that is there, one after the other; say of the others why they are not."""
    for contender in CONTENDERS:
        if not any(word in contender.name for word in options.only.split(",")):
            continue
        python = python_of(contender.environment, options)
        if python is None:
            print(f"- {contender.name}: no environment {contender.environment!r}; make it with --make-envs")
            continue
        task = {
            "kind": contender.kind,
            "model": str(inputs.folder / contender.model) if contender.model else None,
            "pairs": str(inputs.folder / "pairs.json"),
            "options": dict(contender.options),
            "name": FLASHRANK[0],
            "instructions": "avx512_vnni",
        }
        try:
            if contender.needs and not (inputs.folder / str(contender.model) / contender.needs).is_file():
                Worker(python, {**task, "kind": contender.prepared_by}, quiet=not options.verbose).close()
            yield Row(contender, Worker(python, task, quiet=not options.verbose))
        except WorkerFailed as failure:
            print(f"- {contender.name}: {failure}")


def measure(rows: Sequence[Row], floor: Worker, rounds: int) -> list[dict[str, float]]:
    """Rounds A, B, C, A, B, C, …; the first is left out (caches fill). Gives the floor's rates of each round."""
    rates = []
    for number in range(rounds + 1):
        for row in rows:
            time.sleep(PAUSE)
            seconds = row.worker.turn()["seconds"]
            if number:
                row.seconds.append(seconds)
        time.sleep(PAUSE)
        found = floor.turn()["rates"]
        if number:
            rates.append(found)
    for worker in (floor, *(row.worker for row in rows)):
        worker.close()
    return rates


def describe(inputs: Inputs, options: argparse.Namespace, load: tuple[float, float, float] | None) -> list[str]:
    """Date, machine, its load, what is measured, and the command."""
    here = machine()
    busy = "unknown" if load is None else ", ".join(f"{value:.2f}" for value in load)
    tokens = sum(inputs.lengths)
    return [
        f"Date: {date.today().isoformat()}",
        f"Machine: {here.processor} ({', '.join(here.instructions)}), {options.threads} threads, {platform.platform()}",
        f"Load before (1, 5, 15 minutes): {busy}",
        f"Versions: {', '.join(f'{name} {version}' for name, version in versions().items())}",
        f"Documents: {len(inputs.pairs)} of {options.collection}, {tokens} tokens with query, mean "
        f"{tokens / len(inputs.pairs):.1f}, longest {max(inputs.lengths)}; {options.rounds} rounds",
        f"Command: `python -m benchmarks.engine {shlex.join(sys.argv[1:])}`",
    ]


def report(rows: Sequence[Row], rates: Sequence[Mapping[str, float]], inputs: Inputs) -> str:
    """The table, and the floor under it."""
    ours = {row.contender.name: row.median for row in rows}
    reference = next((row.worker.last["scores"] for row in rows if row.contender.name == REFERENCE), None)
    lines = [
        "| contender | median s | best s | × openvino int8 | × onnxruntime int8 | peak MB | cold s | off by |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        ratios = [f"{row.median / ours[name]:.2f}" if name in ours else "" for name in (OURS, PLAIN)]
        peak, cold = f"{row.worker.last['peak_mb']:.0f}", f"{row.worker.cold:.2f}"
        cells = [f"{row.median:.3f}", f"{min(row.seconds):.3f}", *ratios, peak, cold, _off(row, reference)]
        lines.append(f"| {row.contender.name} ({row.worker.version}) | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_floor_lines(ours, rates, inputs)])


def _off(row: Row, reference: Sequence[float] | None) -> str:
    """The largest difference of a score to torch's; empty for other weights."""
    if reference is None or row.contender.model is None:
        return ""
    return f"{max(abs(a - b) for a, b in zip(row.worker.last['scores'], reference, strict=True)):.4f}"


def _floor_lines(ours: Mapping[str, float], rates: Sequence[Mapping[str, float]], inputs: Inputs) -> list[str]:
    best = {name: statistics.median(found[name] for found in rates) for name in rates[0]}
    name = max(best, key=lambda each: best[each])
    whole, read = operations(inputs.lengths), operations(inputs.lengths, only_first=True)
    lines = [
        "Int8 products alone: " + ", ".join(f"{each} {rate / 1e9:.0f} GFLOP/s" for each, rate in best.items()) + ".",
        f"Floor: {whole / 1e9:.0f} GFLOP of the whole forward pass at {name}'s rate: {whole / best[name]:.3f} s "
        f"({read / 1e9:.0f} GFLOP, {read / best[name]:.3f} s without the rows of the last layer that no score reads).",
    ]
    lines += [
        f"{each}: {ours[each] / (whole / best[name]):.2f} × the floor ({ours[each] / (read / best[name]):.2f} ×)."
        for each in (OURS, PLAIN)
        if each in ours
    ]
    return lines


def to_json(
    rows: Sequence[Row], rates: Sequence[Mapping[str, float]], inputs: Inputs, header: Sequence[str]
) -> dict[str, Any]:
    return {
        "header": list(header),
        "tokens": sum(inputs.lengths),
        "operations": operations(inputs.lengths),
        "floor_rates": list(rates),
        "rows": [
            {
                "name": row.contender.name,
                "version": row.worker.version,
                "seconds": row.seconds,
                "median": row.median,
                "best": min(row.seconds),
                "peak_mb": row.worker.last["peak_mb"],
                "cold_start": row.worker.cold,
            }
            for row in rows
        ],
    }


def python_of(name: str, options: argparse.Namespace) -> Path | None:
    """The interpreter of an environment: given by --peer-env, or made by --make-envs; ours for the empty name."""
    if not name:
        return Path(sys.executable)
    given = dict(each.split("=", 1) for each in options.peer_env)
    folder = Path(given.get(name, options.envs / name))
    found = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return found if found.is_file() else None


def make_environments(folder: Path, wanted: Mapping[str, Sequence[str]]) -> None:
    """A virtual environment a peer, with pip's own output; constraints.txt holds torch where it is."""
    for name, packages in wanted.items():
        subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
        pip = [str(folder / name / ("Scripts" if os.name == "nt" else "bin") / "python"), "-m", "pip"]
        subprocess.run([*pip, "install", "-q", "-c", str(ROOT / "constraints.txt"), *packages], check=True)
        # Comes with OpenVINO's extra in a build for another torch than ours, and nothing here reads images.
        subprocess.run([*pip, "uninstall", "-q", "-y", "torchvision"], check=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/dev"), help="folder of BEIR folders")
    parser.add_argument("--collection", default="cranfield")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "engine", help="where models are written")
    parser.add_argument("--envs", type=Path, default=ROOT / "build" / "envs")
    parser.add_argument("--peer-env", action="append", default=[], metavar="NAME=FOLDER", help="one elsewhere")
    parser.add_argument("--make-envs", action="store_true", help="make the peers' environments, and stop")
    parser.add_argument("--only", default="", help="contenders whose names hold one of these, comma-separated")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="let the contenders print what they like to stderr")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
