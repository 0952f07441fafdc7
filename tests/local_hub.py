"""The hub on this machine: one model, its list of files, and the files; and a process that asks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DYNAMIC = b"\x08\x09 DynamicQuantizeLinear \x00"
HUB_ID = "someone/reranker"


class Hub(BaseHTTPRequestHandler):
    """What the hub answers for one model: its commit, its list of files, and the files."""

    files: ClassVar[dict[str, bytes]] = {
        "config.json": b"{}",
        "tokenizer.json": b"{}",
        "modeling.py": b"raise SystemExit",
        "pytorch_model.bin": b"pickled",
        "onnx/model.onnx": b"graph",
        "onnx/model.onnx_data": b"weights",
        "onnx/model_quantized.onnx": DYNAMIC,
    }
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        prefix = f"/{HUB_ID}/resolve/"
        if path.startswith(prefix):
            file = path.removeprefix(prefix).partition("/")[2]
            self.asked.append(file)
            self.send(self.files[file], body, {"ETag": f'"{file.replace("/", "-")}"', "X-Repo-Commit": COMMIT})
        elif path.startswith(f"/api/models/{HUB_ID}/tree/"):
            tree = [{"type": "file", "path": name, "size": len(text), "oid": "0"} for name, text in self.files.items()]
            self.send(json.dumps(tree).encode(), body, {})
        elif path.startswith(f"/api/models/{HUB_ID}"):
            siblings = [{"rfilename": file} for file in self.files]
            self.send(json.dumps({"id": HUB_ID, "sha": COMMIT, "siblings": siblings}).encode(), body, {})
        else:
            self.send(b"{}", body, {"X-Error-Code": "RepoNotFound"}, status=404)

    def send(self, content: bytes, body: bool, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name that the base class gives it
        """Say nothing."""


@contextmanager
def serving(kind: type[Hub] = Hub) -> Iterator[str]:
    """The address where `kind` answers; what is asked of it is noted from now on."""
    kind.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def run(code: str, endpoint: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process of its own, because the hub's client reads its settings once."""
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
    settings |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    script = f"from secondpass.models.files import pull, resolve\nfrom secondpass.errors import UnknownModel\n{code}"
    return subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
