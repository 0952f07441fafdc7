"""Sends rerank requests to one server, or asks the library in this very process, as fast as answers come.

A process of its own, so that no server shares an interpreter with what measures it. Takes the pairs' file and the
library's model ("" for none) as arguments and one JSON task a line on stdin; answers one JSON line each. Knows nothing
of who is compared with whom.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Ask = Callable[[str, list[str]], Awaitable[None]]


class Texts:
    """Queries that are all different, each with the next so many of the documents."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._query = pairs[0][0]
        self._documents = [document for _, document in pairs]
        self._numbers = itertools.count()

    def request(self, documents: int) -> tuple[str, list[str]]:
        number = next(self._numbers)
        start = number * documents % len(self._documents)
        turned = itertools.islice(itertools.cycle(self._documents), start, start + documents)
        return f"{self._query} {number}", list(turned)


async def turn(ask: Ask, texts: Texts, task: dict[str, Any]) -> dict[str, Any]:
    """`concurrency` clients for `seconds`; what was begun is awaited. `beside`: documents of two clients' more."""
    latencies: list[float] = []
    began = time.perf_counter()

    async def client() -> None:
        while time.perf_counter() - began < task["seconds"]:
            request = texts.request(task["documents"])
            sent = time.perf_counter()
            await ask(*request)
            latencies.append(time.perf_counter() - sent)

    async def beside() -> None:
        while True:
            await ask(*texts.request(task["beside"]))

    others = [asyncio.ensure_future(beside()) for _ in range(2 if task.get("beside") else 0)]
    await asyncio.sleep(1.0 if others else 0.0)
    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(task["concurrency"])))
    took = time.perf_counter() - began
    for other in others:
        other.cancel()
    ended = await asyncio.gather(*others, return_exceptions=True)
    failures = [repr(one) for one in ended if not isinstance(one, asyncio.CancelledError)]
    return {"seconds": took, "latencies": latencies, "failures": failures}


class Connection:
    """One kept open to a server. By hand: what a client library computes, it takes from the server's cores."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
        self._reader = reader
        self._writer = writer
        self._head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "

    @classmethod
    async def to(cls, url: str) -> Connection:
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port), parts.path)

    async def post(self, body: bytes) -> bytes:
        """The answer's body. Raises `ValueError` where its status is not 200."""
        self._writer.write(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
        status, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        answer = await self._reader.readexactly(int(headers["content-length"]))
        if status.split()[1] != "200":
            raise ValueError(f"{status}: {answer.decode()[:200]}")
        return answer

    def close(self) -> None:
        self._writer.close()


async def over_http(texts: Texts, task: dict[str, Any]) -> dict[str, Any]:
    idle: list[Connection] = []

    async def ask(query: str, documents: list[str]) -> None:
        connection = idle.pop() if idle else await Connection.to(task["url"])
        try:
            answer = await connection.post(json.dumps({"model": "m", "query": query, "documents": documents}).encode())
        except asyncio.CancelledError:
            connection.close()  # so that the server need not go on
            raise
        idle.append(connection)
        if len(json.loads(answer)["results"]) != len(documents):
            raise ValueError(f"{task['url']} left documents out")

    found = await turn(ask, texts, task)
    for connection in idle:
        connection.close()
    return found


async def in_process(reranker: Any, texts: Texts, task: dict[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(task["concurrency"]) as pool:

        async def ask(query: str, documents: list[str]) -> None:
            await loop.run_in_executor(pool, lambda: reranker.rank(query, documents, progress=False))

        return await turn(ask, texts, task)


def tasks() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    pairs_file, model = sys.argv[1:]
    texts = Texts([(query, text) for query, text in json.loads(Path(pairs_file).read_text(encoding="utf-8"))])
    reranker: Any = None
    if model:
        import secondpass

        reranker = secondpass.load(model)
        reranker.warm_up()
    for task in tasks():
        if reranker is None:
            answer = asyncio.run(over_http(texts, task))
        else:
            answer = asyncio.run(in_process(reranker, texts, task))
            engine = reranker._engine
            answer["batch_seconds"] = engine.cost.seconds(engine.budget)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
