"""A real HTTP server on a free local port, that answers what it is told to, and misbehaves where it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Told:
    """One answer: bytes as they are, anything else as JSON. Behind `cut` bytes the connection ends.

    `length` False leaves Content-Length out, so that the end of the connection ends the body; `hold` is waited for
    before anything is sent, and `drip` between two bytes.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    length: bool = True
    hold: threading.Event | None = None
    drip: float | None = None


class Server:
    """`told` are the next answers, in order; after them, `usual` makes one of each request's body."""

    def __init__(self, usual: Callable[[Any], Any]) -> None:
        self.usual = usual
        self.told: list[Told] = []
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self._lock:
            self.asked.append(Asked(handler.path, dict(handler.headers.items()), body))
            told = self.told.pop(0) if self.told else None
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            self._send(handler, Told(self.usual(body)) if told is None else told)
        except OSError:
            handler.close_connection = True  # whoever asked has gone
        finally:
            with self._lock:
                self._now -= 1

    def _send(self, handler: BaseHTTPRequestHandler, told: Told) -> None:
        if told.hold is not None:
            while not (told.hold.wait(0.01) or self._leaving.is_set()):
                pass
        content = told.body if isinstance(told.body, bytes) else json.dumps(told.body).encode()
        handler.send_response(told.status)
        for name, value in told.headers.items():
            handler.send_header(name, value)
        if told.length:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        sent = content[: told.cut]
        if told.drip is None:
            handler.wfile.write(sent)
        else:
            for position in range(len(sent)):
                handler.wfile.write(sent[position : position + 1])
                if self._leaving.wait(told.drip):
                    break
        handler.close_connection = told.cut is not None or not told.length or told.drip is not None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def do_POST(self) -> None:
                server._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 as in the base class
                pass

        return Handler


def words(document: str) -> float:
    """The score that the local server gives a document: its length, in [0, 1]."""
    return min(len(document), 1000) / 1000


def cohere(body: Any) -> Any:
    """What a server of Cohere's dialect answers: the longest first."""
    rows = [{"index": i, "relevance_score": words(document)} for i, document in enumerate(body["documents"])]
    return {"results": sorted(rows, key=lambda row: -float(row["relevance_score"]))}
