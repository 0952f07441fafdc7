"""Does the server stand what production brings? Minutes at saturation, with a killed client and SIGTERM at the end.

    python -m benchmarks.soak --data ../shared/data/dev --minutes 10 --json benchmarks/results/soak.json
    python -m benchmarks.soak --data ../shared/data/dev --minutes 0.5                     a short look

24 clients in a process of their own, without a pause: two in three requests are good ones, in five dialects, and each
answer is held against the library's, computed beforehand; the others hang up, come late, or are malformed or too large.
Prints resident memory through the run, answers by kind and status, wrong and lost ones; then whether the work of killed
clients (`kill -9`) leaves the queue, and whether SIGTERM loses an accepted request. Exits with 1 where one fails.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import secondpass
from benchmarks.engine import ROOT, environment
from secondpass.backends.machine import machine
from secondpass.evaluation.beir import load_beir

CLIENT = Path(__file__).with_name("soak_client.py")
CASES, DOCUMENTS = 100, 8
WARM_UP = 30.0
GROWTH = 1.1
"""Resident memory at the end, over that after the warm-up, that still counts as flat."""

_SERVE = ("embedded", "fast=bm25", "--max-body-mb", "2", "--max-queued-tokens", "60000", "--cache-mb", "1")


class Server:
    """The server's process, its memory, metrics and log."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "log.jsonl"
        with self._log.open("wb") as written:
            command = [sys.executable, "-m", "secondpass", "serve", *_SERVE, "--port", str(port)]
            self.process = subprocess.Popen(command, cwd=folder, stderr=written, env=environment(ours=True))
        until = time.monotonic() + 120
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"the server did not start:\n{self._log.read_text(encoding='utf-8')}")
            time.sleep(0.2)

    def megabytes(self) -> float:
        """Resident memory, as Linux tells it."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return round(int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1e3, 1)

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=30) as page:
            lines = page.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def answered(self) -> set[str]:
        """The ids of the requests that it took in and gave an answer, as its log tells."""
        rows = (json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines() if line.startswith("{"))
        return {row["request_id"] for row in rows if row["message"] == "request" and row["status"] != 499}

    def failures(self) -> int:
        """Answers of the server's own failing, by its log."""
        return sum('"status": 500' in line for line in self._log.read_text(encoding="utf-8").splitlines())

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ready", timeout=5):
                return True
        except OSError:
            return False


def main() -> None:
    options = _arguments()
    load = os.getloadavg()
    here = machine()
    header = [
        f"Date: {date.today().isoformat()}",
        f"Machine: {here.processor} ({', '.join(here.instructions)}), {os.cpu_count()} cores",
        f"Load before: {load[0]:.2f}",
        f"Command: `python -m benchmarks.soak {shlex.join(sys.argv[1:])}`",
    ]
    print("\n".join(header) + "\n", flush=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        file = folder / "cases.json"
        file.write_text(json.dumps(cases(options.data / options.collection)), encoding="utf-8")
        server = Server(folder)
        try:
            record = {"header": header, **soak(server, file, options.minutes)}
            record |= {"killed": killed(server, file), "sigterm": ended(server, file), "failures": server.failures()}
        finally:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait()
    print(json.dumps({name: value for name, value in record.items() if name != "header"}, indent=1))
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    problems = wrong_in(record)
    print("\n".join(problems) or "Nothing lost, nothing wrong, memory flat.")
    sys.exit(1 if problems else 0)


def cases(collection: Path) -> list[dict[str, Any]]:
    """Queries with some documents each, and the scores of the library."""
    found = load_beir(collection)
    texts = [document.text[:1500] for document in found.documents.values() if document.text.strip()]
    made = []
    with secondpass.load("embedded") as reranker:
        for number, query in enumerate(list(found.queries.values())[:CASES]):
            documents = texts[number * DOCUMENTS : (number + 1) * DOCUMENTS]
            scores = [float(score) for score in reranker.score(query.text, documents, progress=False)]
            made.append({"query": query.text, "documents": documents, "scores": scores})
    return made


def soak(server: Server, file: Path, minutes: float) -> dict[str, Any]:
    """Warm up, then saturate, looking at the memory ten times."""
    memory = {"at start": server.megabytes()}
    _clients(server, file, min(WARM_UP, minutes * 60)).communicate()
    memory["after warm-up"] = server.megabytes()
    process = _clients(server, file, minutes * 60)
    along = []
    for _ in range(10):
        time.sleep(minutes * 6)
        along.append(server.megabytes())
    told = json.loads(process.communicate(timeout=300)[0])
    time.sleep(1)
    memory["after"] = server.megabytes()
    names = ("cancelled_total", "expired_total", "requests_under_way", "tokens_under_way")
    return {
        "minutes": minutes,
        "memory_mb": {**memory, "along": along},
        "requests": len(told.pop("answered")),
        **told,
        "metrics": {name: server.metric(f"secondpass_{name}") for name in names},
    }


def killed(server: Server, file: Path) -> dict[str, float]:
    """What is under way before and after `kill -9` of all clients, and how many requests were given up."""
    before = server.metric("secondpass_cancelled_total")
    process = _clients(server, file, 60)
    time.sleep(4)
    busy = server.metric("secondpass_requests_under_way")
    begun = time.monotonic()
    gone = server.metric("secondpass_cancelled_total")
    process.send_signal(signal.SIGKILL)
    process.wait()
    while server.metric("secondpass_requests_under_way") and time.monotonic() - begun < 60:
        time.sleep(0.05)
    return {
        "under_way_before": busy,
        "under_way_after": server.metric("secondpass_requests_under_way"),
        "seconds_until_none": round(time.monotonic() - begun, 2),
        "cancelled_by_hang_ups": gone - before,
        "cancelled_by_the_kill": server.metric("secondpass_cancelled_total") - gone,
    }


def ended(server: Server, file: Path) -> dict[str, Any]:
    """SIGTERM under load: what the server answered by its log, and what the clients got.

    "not_accepted": connections that were reset, and of whose requests the server's log has nothing: those whose
    handshake ended in the instant between the server's last look at the system's queue and the end of listening.
    """
    process = _clients(server, file, "stop")
    time.sleep(4)
    server.process.send_signal(signal.SIGTERM)
    told = json.loads(process.communicate(timeout=180)[0])
    code = server.process.wait(90)
    accepted = {name for name in server.answered() if name.startswith(f"soak-{process.pid}-")}
    return {
        "accepted": len(accepted),
        "answered": len(told["answered"]),
        "lost": sorted(accepted - set(told["answered"])),
        "not_accepted": sum(one.split()[0] not in accepted for one in told["lost"]),
        "wrong": told["wrong"],
        "exit_code": code,
    }


def wrong_in(record: dict[str, Any]) -> list[str]:
    """What must not be, in words; empty where all is as it should be."""
    memory, sigterm, kill = record["memory_mb"], record["sigterm"], record["killed"]
    return [
        told
        for told, bad in (
            (f"memory grew from {memory['after warm-up']} to {memory['after']} MB", _grew(memory)),
            (f"{record['wrong']} wrong answers: {record['wrong_told']}", record["wrong"] or sigterm["wrong"]),
            (f"requests without an answer: {record['lost'][:5]}", record["lost"]),
            (f"{record['failures']} failures of the server's own", record["failures"]),
            ("work of killed clients stayed", kill["under_way_after"] or not kill["cancelled_by_the_kill"]),
            (f"SIGTERM lost {sigterm['lost']}", sigterm["lost"]),
            (f"the server ended with {sigterm['exit_code']}", sigterm["exit_code"]),
        )
        if bad
    ]


def _grew(memory: dict[str, Any]) -> bool:
    return bool(memory["after"] > GROWTH * memory["after warm-up"])


def _clients(server: Server, file: Path, seconds: float | str) -> subprocess.Popen[str]:
    command: Sequence[str] = (sys.executable, str(CLIENT), str(file), server.url, str(seconds))
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(ours=True), cwd=ROOT)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/dev"), help="folder of BEIR folders")
    parser.add_argument("--collection", default="cranfield")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
