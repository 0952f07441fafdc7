"""The benchmarks of the server: what they take for wrong, and that one short turn of each client measures something."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import serve, serve_load, soak, soak_client


def test_a_quantile_is_one_of_the_values() -> None:
    assert serve.quantile([3.0, 1.0, 2.0], 0.99) == 3.0
    assert serve.quantile(list(map(float, range(100))), 0.5) == 50.0


def test_clients_in_turn_ask_for_different_queries_and_so_many_documents() -> None:
    asked: list[tuple[str, list[str]]] = []

    async def ask(query: str, documents: list[str]) -> None:
        asked.append((query, documents))
        await asyncio.sleep(0.01)

    texts = serve_load.Texts([("q", "a"), ("q", "b"), ("q", "c")])
    found = asyncio.run(serve_load.turn(ask, texts, {"documents": 2, "concurrency": 3, "seconds": 0.05}))
    assert len(found["latencies"]) == len(asked) >= 3
    assert len({query for query, _ in asked}) == len(asked)
    assert [documents for _, documents in asked[:2]] == [["a", "b"], ["c", "a"]]


GOOD: dict[str, Any] = {
    "memory_mb": {"after warm-up": 300.0, "after": 310.0},
    "wrong": 0,
    "wrong_told": [],
    "lost": [],
    "failures": 0,
    "killed": {"under_way_after": 0, "cancelled_by_the_kill": 3},
    "sigterm": {"lost": [], "not_accepted": 3, "wrong": 0, "exit_code": 0},
}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, None),
        ({"memory_mb": {"after warm-up": 300.0, "after": 400.0}}, "memory grew"),
        ({"wrong": 1}, "wrong answers"),
        ({"lost": ["soak-1-1 ReadError"]}, "without an answer"),
        ({"failures": 2}, "failures"),
        ({"killed": {"under_way_after": 0, "cancelled_by_the_kill": 0}}, "killed clients"),
        ({"sigterm": {**GOOD["sigterm"], "lost": ["soak-1-1"]}}, "SIGTERM lost"),
        ({"sigterm": {**GOOD["sigterm"], "exit_code": -9}}, "ended with -9"),
    ],
)
def test_the_soak_says_what_must_not_be(changed: dict[str, Any], told: str | None) -> None:
    problems = soak.wrong_in({**GOOD, **changed})
    assert len(problems) == (0 if told is None else 1)
    assert told is None or told in problems[0]


def test_the_clients_of_the_soak_tell_a_server_that_is_gone(tmp_path: Path) -> None:
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps([{"query": "q", "documents": ["a"], "scores": [0.5]}]), encoding="utf-8")
    command = [sys.executable, str(soak.CLIENT), str(cases), "http://127.0.0.1:9", "stop"]
    seen = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert seen["refused"] >= 1
    assert not seen["answered"]


def test_a_score_that_is_off_a_document_that_is_missing_and_a_wrong_order_are_found() -> None:
    sorted_one = soak_client.DIALECTS[0]
    for found in ({0: 0.9, 1: 0.5}, {0: 0.9}, {1: 0.1, 0: 0.9}):
        clients = soak_client.Clients([], None, seed=1)  # type: ignore[arg-type]
        clients._check(sorted_one, found, [0.9, 0.1])
        assert len(clients.seen.wrong) == 1
    clients._check(sorted_one, {0: 0.9, 1: 0.1}, [0.9, 0.1])
    assert len(clients.seen.wrong) == 1
