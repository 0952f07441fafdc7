"""Real server processes on loopback, each started once for all tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

KEY = "a-secret-of-the-tests"
_PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Running:
    """A server process: `client` asks it, `log` is what it wrote."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=30)
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = [line for line in self.client.get("/metrics").text.splitlines() if line.partition("{")[0] == name]
        return sum(float(line.rpartition(" ")[2]) for line in lines) or sum(
            float(line.split()[1])
            for line in self.client.get("/metrics").text.splitlines()
            if line.partition(" ")[0] == name
        )


@contextmanager
def running(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """`secondpass serve` in `folder`, ready."""
    port, log = free_port(), folder / "log.jsonl"
    command = [sys.executable, "-m", "secondpass", "serve", *arguments, "--port", str(port)]
    with log.open("wb") as written:
        process = subprocess.Popen(command, cwd=folder, stderr=written, env={**os.environ, **(environment or {})})
        server = Running(process, f"http://127.0.0.1:{port}", log)
        try:
            _wait(server)
            yield server
        finally:
            server.client.close()
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(server: Running) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        assert server.process.poll() is None, server.log
        try:
            if server.client.get("/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail(f"the server was not ready in time: {server.log}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with the embedded model and BM25, without keys."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "secondpass.toml").write_text(
        '[models]\nembedded = "embedded"\nfast = "bm25"\nchunked = { name = "embedded", policy = "chunk" }\n',
        encoding="utf-8",
    )
    with running(folder, "--drain-delay-ms", "50", "--max-body-mb", "4") as found:
        yield found


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that asks for keys and takes names strictly; one of its keys may ask twice a minute."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "keys.toml").write_text(
        f'[full]\nkey = "{KEY}"\n[poor]\nkey = "poor-{KEY}"\nrequests_per_minute = 2\n'
        f'[busy]\nkey = "busy-{KEY}"\nrequests_per_minute = 2\n',
        encoding="utf-8",
    )
    (folder / "secondpass.toml").write_text(
        '[serve]\nkeys_file = "keys.toml"\ndrain_delay_ms = 50\nmax_documents = 20\n[models]\nplain = "bm25"\n',
        encoding="utf-8",
    )
    with running(folder, "--strict-models") as found:
        yield found
