"""Clients of the soak: good requests in several dialects, each answer checked, and every kind of bad one.

A process of its own, that can be killed. Takes the file of cases, the server's URL, and the seconds to go on for as
arguments ("stop": until the server is gone); answers one JSON object. Knows what the library answers.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

CLIENTS = 24
LARGE = 8  # cases in one request
PATIENCE = 120.0
TOLERANCE = 0.02  # of a logit in int8, which is what every pair is promised
TOLD = 10  # wrong answers that are told in full

Scores = dict[int, float]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to ask: the `body` for a query and documents, and each document's `scores` in an answer, in its order."""

    path: str
    body: Callable[[str, list[str]], dict[str, Any]]
    scores: Callable[[Any], Scores]


def _flat(query: str, documents: list[str]) -> dict[str, Any]:
    return {"model": "embedded", "query": query, "documents": documents}


def _rows(name: str, score: str) -> Callable[[Any], Scores]:
    return lambda answer: {row["index"]: row[score] for row in (answer[name] if name else answer)}


DIALECTS = (
    Dialect("/v1/rerank", _flat, _rows("results", "relevance_score")),
    Dialect("/cohere/v2/rerank", _flat, _rows("results", "relevance_score")),
    Dialect("/voyage/v1/rerank", _flat, _rows("data", "relevance_score")),
    Dialect("/rerank", lambda query, texts: {"query": query, "texts": texts}, _rows("", "score")),
    Dialect("/score", lambda query, items: {"queries": query, "documents": items}, _rows("data", "score")),
)

BAD: tuple[tuple[bytes, int], ...] = (
    (b'{"query": "half of a bo', 422),
    (b"\xff\xfe\x00", 422),
    (b'{"query": 7, "documents": ["a"]}', 422),
    (b'{"query": "a", "documents": []}', 422),
    (b"[" * 100_000, 422),
    (b'{"query": "a", "documents": ["' + b"x" * 3_000_000 + b'"]}', 413),
)
"""Bodies with the status that they have to get; the last is over the soak's limit."""


@dataclass(slots=True)
class Seen:
    """What came back. `lost`: requests without an answer, other than those whose client hung up, by their ids."""

    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    refused: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "statuses": dict(sorted(self.statuses.items())),
            "wrong": len(self.wrong),
            "wrong_told": self.wrong[:TOLD],
            "lost": self.lost,
            "answered": self.answered,
            "refused": self.refused,
        }


class Clients:
    """All clients of one process."""

    def __init__(self, cases: list[dict[str, Any]], client: httpx.AsyncClient, seed: int) -> None:
        self.seen = Seen()
        self._cases = cases
        self._client = client
        self._random = random.Random(seed)
        self._numbers = itertools.count()
        self._until = 0.0

    async def run(self, seconds: float | None) -> None:
        """For so many seconds; None: until the server refuses connections."""
        self._until = time.monotonic() + (PATIENCE if seconds is None else seconds)
        kinds = [self.good] * 12 if seconds is None else [self.good] * 12 + [self.hangs_up] * 4 + [self.bad, self.late]
        await asyncio.gather(*(self._one(kinds) for _ in range(CLIENTS)))

    async def _one(self, kinds: list[Callable[[], Any]]) -> None:
        while time.monotonic() < self._until and not self.seen.refused:
            await self._random.choice(kinds)()

    async def good(self) -> None:
        case, dialect = self._random.choice(self._cases), self._random.choice(DIALECTS)
        answer = await self._asked(dialect.path, json.dumps(dialect.body(case["query"], case["documents"])).encode())
        if answer is None:
            return
        self.seen.statuses[f"good {answer.status_code}"] += 1
        if answer.status_code == 429:
            await asyncio.sleep(0.2)
        elif answer.status_code != 200:
            self.seen.wrong.append(f"{dialect.path}: {answer.status_code} {answer.text[:200]}")
        else:
            self._check(dialect, dialect.scores(answer.json()), case["scores"])

    def _check(self, dialect: Dialect, found: Scores, expected: list[float]) -> None:
        """Every document, with the library's score, best first where the dialect sorts."""
        told = list(found.values())
        if sorted(found) != list(range(len(expected))):
            self.seen.wrong.append(f"{dialect.path}: {len(found)} of {len(expected)} documents")
        elif any(abs(found[at] - score) > TOLERANCE for at, score in enumerate(expected)):
            self.seen.wrong.append(f"{dialect.path}: {told} for {expected}"[:400])
        elif dialect.path != "/score" and told != sorted(told, reverse=True):
            self.seen.wrong.append(f"{dialect.path}: not sorted")

    async def hangs_up(self) -> None:
        body = self._large()
        try:
            async with asyncio.timeout(self._random.uniform(0.005, 0.3)):
                await self._client.post("/v1/rerank", json=body)
            self.seen.statuses["hang-up too late"] += 1
        except (TimeoutError, httpx.TransportError):
            self.seen.statuses["hung up"] += 1

    async def bad(self) -> None:
        content, status = self._random.choice(BAD)
        answer = await self._asked("/v1/rerank", content)
        if answer is None:
            return
        self.seen.statuses[f"bad {answer.status_code}"] += 1
        if answer.status_code not in (status, 429):
            self.seen.wrong.append(f"a bad body got {answer.status_code}, not {status}")

    async def late(self) -> None:
        large = self._large()
        how = self._random.choice(("degraded", "error"))
        body = {**large, "secondpass": {"on_deadline": how}}
        headers = {"X-Request-Timeout-Ms": str(self._random.choice((1, 20, 200)))}
        answer = await self._asked("/v1/rerank", json.dumps(body).encode(), headers)
        if answer is None:
            return
        degraded = answer.headers.get("x-secondpass-degraded") == "true"
        self.seen.statuses[f"late {answer.status_code}{' degraded' if degraded else ''}"] += 1
        if answer.status_code == 200:
            if len(answer.json()["results"]) != len(large["documents"]):
                self.seen.wrong.append("a degraded answer lacks documents")
        elif answer.status_code not in (429, 504) or (answer.status_code == 504 and how == "degraded"):
            self.seen.wrong.append(f"a late request got {answer.status_code}, wanting {how}")

    def _large(self) -> dict[str, Any]:
        """A request with the documents of many cases, which no cache knows."""
        some = self._random.sample(self._cases, min(LARGE, len(self._cases)))
        documents = [document for case in some for document in case["documents"]]
        return _flat(f"{some[0]['query']} {next(self._numbers)}", documents)

    async def _asked(
        self, path: str, content: bytes, headers: Mapping[str, str] | None = None
    ) -> httpx.Response | None:
        """The answer; None where none came, which is booked."""
        name = f"soak-{os.getpid()}-{next(self._numbers)}"
        try:
            found = await self._client.post(path, content=content, headers={"X-Request-Id": name, **(headers or {})})
        except httpx.ConnectError:
            self.seen.refused += 1
        except httpx.TransportError as error:
            if content in (body for body, status in BAD if status == 413):
                self.seen.statuses["bad cut off"] += 1  # refused before all of the body was sent
            else:
                self.seen.lost.append(f"{name} {type(error).__name__}")
        else:
            self.seen.answered.append(name)
            return found
        return None


async def soak(cases: list[dict[str, Any]], url: str, seconds: float | None) -> Seen:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits) as client:
        clients = Clients(cases, client, seed=1)
        await clients.run(seconds)
    return clients.seen


def main() -> None:
    file, url, seconds = sys.argv[1:]
    cases = json.loads(Path(file).read_text(encoding="utf-8"))
    seen = asyncio.run(soak(cases, url, None if seconds == "stop" else float(seconds)))
    print(json.dumps(seen.to_json()), flush=True)


if __name__ == "__main__":
    main()
