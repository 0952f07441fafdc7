"""What does the server cost over the library, and how does it stand beside infinity-emb? Identical weights, one run.

    python -m benchmarks.serve --make-envs                         once: environments for infinity under build/envs
    python -m benchmarks.serve --data ../shared/data/dev           the tables
    python -m benchmarks.serve --documents 5 --concurrency 1,8 --seconds 1 --rounds 1          a short look

Our server, our library in a process of its own with as many threads as there are clients, and infinity-emb with its
default engine (torch, fp32) and with its ONNX engine (int8) take turns, each under clients in a process of their own.
Then fairness: requests of few documents, alone and beside two clients that send 1,000 documents at a time. Score
caches are off.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.engine import ROOT, environment, make_environments, python_of
from benchmarks.engine_inputs import prepare
from secondpass.backends.machine import machine, versions

OURS, LIBRARY = "secondpass serve", "secondpass, the library"
LOAD = Path(__file__).with_name("serve_load.py")
READY = 120.0
PATIENT = 20.0
"""Seconds: who took longer for a turn is not asked for another at this setting."""

SMALL, LARGE = 5, 1000

_INFINITY = ["infinity-emb[server,torch]==0.0.78", "transformers==4.48.3", "datasets<4", "pyarrow<21", "click<8.2"]
ENVIRONMENTS = {
    "infinity": [*_INFINITY, "optimum<2"],
    "infinity-onnx": [*_INFINITY, "optimum==2.1.0", "optimum-onnx==0.1.0", "onnxruntime"],
}
"""Its torch engine is fastest with an optimum that has BetterTransformer; its ONNX engine needs one without."""


@dataclass(frozen=True, slots=True)
class Peer:
    """infinity-emb with one of its engines; `graph` is what it reads beside the weights, from where it is made."""

    name: str
    environment: str
    engine: str
    graph: str = ""


PEERS = (
    Peer("infinity optimum int8", "infinity-onnx", "optimum", "st-onnx/onnx/model_qint8_avx512_vnni.onnx"),
    Peer("infinity torch fp32", "infinity", "torch"),
)


class Load:
    """A process that asks; `turn` gives what it measured."""

    def __init__(self, inputs: Path, model: Path | None = None, url: str = "") -> None:
        self._url = url
        self._process = subprocess.Popen(
            [sys.executable, str(LOAD), str(inputs / "pairs.json"), str(model or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(ours=True),
        )

    def turn(self, documents: int, concurrency: int, seconds: float, beside: int = 0) -> dict[str, Any]:
        task = {"url": self._url, "documents": documents, "concurrency": concurrency, "seconds": seconds}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({**task, "beside": beside}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the clients of {self._url or 'the library'} ended with {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        if found["failures"]:
            raise SystemExit(f"{self._url}: {found['failures']}")
        return found

    def close(self) -> None:
        self._process.communicate(timeout=60)


@dataclass(slots=True)
class Cell:
    """What was measured of one contender at one setting."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    slow: bool = False

    def add(self, found: Mapping[str, Any]) -> None:
        self.latencies += found["latencies"]
        self.seconds += found["seconds"]
        self.slow = self.slow or found["seconds"] > PATIENT

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def to_json(self) -> dict[str, Any]:
        return {
            "requests": len(self.latencies),
            "rate": round(self.rate, 3),
            "p50_ms": round(statistics.median(self.latencies) * 1000, 1),
            "p99_ms": round(quantile(self.latencies, 0.99) * 1000, 1),
        }


def main() -> None:
    options = _arguments()
    if options.make_envs:
        make_environments(options.envs, ENVIRONMENTS)
        return
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    inputs = prepare(options.folder.resolve(), options.data / options.collection, options.seed)
    header = described(options, load)
    print("\n".join(header) + "\n", flush=True)
    with ExitStack() as stack:
        ours = stack.enter_context(served(_ours(inputs.model)))
        asked = {OURS: Load(inputs.folder, url=ours), LIBRARY: Load(inputs.folder, model=inputs.model)}
        asked |= _peers(inputs.folder, options, stack)
        settings = [(d, c) for d in _numbers(options.documents) for c in _numbers(options.concurrency)]
        record: dict[str, Any] = {"header": header, "settings": []}
        print("| documents | clients | server | requests/s | × ours | p50 ms | p99 ms |")
        print("|---:|---:|---|---:|---:|---:|---:|")
        for documents, concurrency in settings:
            cells = measured(asked, documents, concurrency, options)
            found = {name: cell.to_json() for name, cell in cells.items()}
            record["settings"].append({"documents": documents, "concurrency": concurrency, "contenders": found})
            _show(documents, concurrency, found)
        record["fairness"] = fairness(asked[OURS], asked[LIBRARY], options)
        for each in asked.values():
            each.close()
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def measured(
    asked: Mapping[str, Load], documents: int, concurrency: int, options: argparse.Namespace
) -> dict[str, Cell]:
    """Turns A, B, C, A, B, C, …, each of some seconds, after one request each that does not count."""
    cells = {name: Cell() for name in asked}
    for load in asked.values():
        load.turn(documents, 1, 0.01)
    for _ in range(options.rounds):
        for name, cell in cells.items():
            if not cell.slow:
                cell.add(asked[name].turn(documents, concurrency, options.seconds))
    return cells


def fairness(ours: Load, library: Load, options: argparse.Namespace) -> dict[str, float]:
    """Latencies of small requests alone and beside large ones, and what one batch takes, in ms."""
    batch = library.turn(100, 1, options.seconds)["batch_seconds"] * 1000
    alone, beside = Cell(), Cell()
    for _ in range(options.rounds):
        alone.add(ours.turn(SMALL, 1, 2 * options.seconds))
        beside.add(ours.turn(SMALL, 1, 2 * options.seconds, LARGE))
    first, second = alone.to_json(), beside.to_json()
    allowed = 3 * first["p99_ms"] + batch
    print(f"\n{SMALL} documents, one client: p99 {first['p99_ms']} ms alone, {second['p99_ms']} ms beside two clients")
    print(f"with {LARGE} documents at a time ({second['requests']} requests). A batch takes {batch:.1f} ms, so 3 × and")
    print(f"a batch are {allowed:.1f} ms.")
    return {"batch_ms": round(batch, 1), "allowed_p99_ms": round(allowed, 1), "alone": first, "beside": second}


@contextmanager
def served(started: tuple[Sequence[str], Path, Mapping[str, str]]) -> Iterator[str]:
    """A server process: its command (with PORT for the port), folder and environment. Gives the URL to ask at."""
    command, folder, variables = started
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    process = subprocess.Popen(
        [port if part == "PORT" else part for part in command],
        cwd=folder,
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}/rerank"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until both servers' readiness page answers: ours is /ready, the peer has /health alone."""
    until = time.monotonic() + READY
    while time.monotonic() < until and process.poll() is None:
        for page in ("/ready", "/health"):
            try:
                with urllib.request.urlopen(url + page, timeout=5):
                    return
            except urllib.error.HTTPError as error:
                if error.code == 503:
                    break  # it is ours, and loads
            except OSError:
                break
        time.sleep(0.2)
    raise SystemExit(f"{shlex.join(map(str, process.args))} was not ready: run it by hand to see why.")  # type: ignore[arg-type]


def _ours(model: Path) -> tuple[Sequence[str], Path, Mapping[str, str]]:
    command = [sys.executable, "-m", "secondpass", "serve", f"m={model}", "--cache-mb", "0", "--port", "PORT"]
    return command, ROOT, environment(ours=True)


def _theirs(peer: Peer, python: Path, folder: Path) -> tuple[Sequence[str], Path, Mapping[str, str]]:
    """Its ONNX engine finds a graph in its working folder alone."""
    place = folder / f"infinity-{peer.engine}"
    if not place.is_dir():
        shutil.copytree(folder / "st", place)
        if peer.graph:
            shutil.copy(folder / peer.graph, place / "model_quantized.onnx")
    own = {"INFINITY_ANONYMOUS_USAGE_STATS": "0", "DO_NOT_TRACK": "1", "HF_HOME": str(folder / "infinity-cache")}
    command = [str(python), "-c", "from infinity_emb.cli import cli; cli()", "v2", "--model-id", "."]
    command += ["--served-model-name", "m", "--engine", peer.engine, "--device", "cpu", "--no-model-warmup"]
    return [*command, "--host", "127.0.0.1", "--port", "PORT"], place, {**environment(ours=False), **own}


def _peers(folder: Path, options: argparse.Namespace, stack: ExitStack) -> dict[str, Load]:
    """Clients of infinity with each of its engines that is here."""
    asked = {}
    for peer in PEERS:
        python = python_of(peer.environment, options)
        if python is None or (peer.graph and not (folder / peer.graph).is_file()):
            print(
                f"- {peer.name}: no environment {peer.environment!r} or no {peer.graph!r}: make them with --make-envs"
            )
            print("  and `python -m benchmarks.engine --only onnx`\n")
            continue
        asked[peer.name] = Load(folder, url=stack.enter_context(served(_theirs(peer, python, folder))))
    return asked


def described(options: argparse.Namespace, load: Sequence[float]) -> list[str]:
    here = machine()
    return [
        f"Date: {date.today().isoformat()}",
        f"Machine: {here.processor} ({', '.join(here.instructions)}), {os.cpu_count()} cores",
        f"Load before (1, 5, 15 minutes): {', '.join(f'{value:.2f}' for value in load) or 'unknown'}",
        f"Versions: {', '.join(f'{name} {version}' for name, version in versions().items())}; infinity-emb 0.0.78",
        f"Turns of {options.seconds} s, {options.rounds} rounds; {options.collection}, mean 129 tokens a pair",
        f"Command: `python -m benchmarks.serve {shlex.join(sys.argv[1:])}`",
    ]


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed: one of them."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _show(documents: int, concurrency: int, found: Mapping[str, Mapping[str, float]]) -> None:
    ours = found[OURS]["rate"]
    for name, cell in found.items():
        numbers = f"{cell['rate']:.2f} | {cell['rate'] / ours:.2f} | {cell['p50_ms']:.0f} | {cell['p99_ms']:.0f}"
        print(f"| {documents} | {concurrency} | {name} | {numbers} |", flush=True)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/dev"), help="folder of BEIR folders")
    parser.add_argument("--collection", default="cranfield")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "engine", help="where models are written")
    parser.add_argument("--envs", type=Path, default=ROOT / "build" / "envs")
    parser.add_argument("--peer-env", action="append", default=[], metavar="NAME=FOLDER", help="one elsewhere")
    parser.add_argument("--make-envs", action="store_true", help="make infinity's environments, and stop")
    parser.add_argument("--documents", default="5,20,100")
    parser.add_argument("--concurrency", default="1,8,32")
    parser.add_argument("--seconds", type=float, default=2.0, help="a turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
