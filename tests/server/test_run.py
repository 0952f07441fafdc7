"""The end: what was accepted is answered."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn

from secondpass.server.app import create_app
from secondpass.server.run import Draining
from secondpass.server.settings import ModelSetting, Settings
from tests.server.conftest import free_port, running
from tests.server.recorded import D, Q


def test_sigterm_loses_no_accepted_request(tmp_path: Path) -> None:
    with running(tmp_path, "embedded", "--drain-delay-ms", "300") as server, ThreadPoolExecutor(24) as clients:
        bodies = [{"query": Q, "documents": [f"{number} {text}" for text in D * 20]} for number in range(24)]
        answers = [clients.submit(server.client.post, "/v1/rerank", json=body) for body in bodies]
        while server.metric("secondpass_requests_under_way") < 8:
            time.sleep(0.02)
        server.process.send_signal(signal.SIGTERM)
        found = [answer.result() for answer in answers]
        assert [response.status_code for response in found] == [200] * 24
        assert all(len(response.json()["results"]) == 80 for response in found)
        assert server.process.wait(20) == 0


def test_connections_that_the_system_accepted_are_answered_too() -> None:
    app = create_app(Settings(models=(ModelSetting("bm25", "bm25"),), log_level="error"))
    server = Draining(uvicorn.Config(app, port=free_port(), log_config=None), app, delay=0.0)
    body = json.dumps({"query": Q, "documents": D}).encode()
    head = f"POST /v1/rerank HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    clients: list[socket.socket] = []

    def asks_and_stops() -> None:
        """Within one step of the loop, so that it has accepted nobody when it is told to stop."""
        for _ in range(5):
            clients.append(socket.create_connection(("127.0.0.1", server.config.port), timeout=20))
            clients[-1].sendall(head.encode() + body)
        server.stop()

    async def serve() -> None:
        serving = asyncio.create_task(server.serve())
        while not app.state.service.ready:
            await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_soon(asks_and_stops)
        await serving

    asyncio.run(serve())
    answers = [client.makefile("rb").read() for client in clients]
    assert [answer[:15] for answer in answers] == [b"HTTP/1.1 200 OK"] * 5
    for client in clients:
        client.close()


def refused(*arguments: str, folder: Path) -> str:
    command = [sys.executable, "-m", "secondpass", "serve", *arguments, "--port", str(free_port())]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode in (1, 2)
    return ran.stderr


def test_a_server_open_to_others_without_keys_does_not_start(tmp_path: Path) -> None:
    assert "--no-keys" in refused("bm25", "--host", "0.0.0.0", folder=tmp_path)


def test_a_model_that_cannot_be_loaded_ends_the_server_with_its_reason(tmp_path: Path) -> None:
    assert "nothing-here" in refused("./nothing-here", folder=tmp_path)
