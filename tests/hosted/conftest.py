"""A local server, a scorer that asks it without ever waiting, and live tests only where there is a key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from secondpass.hosted.registry import provider_named
from secondpass.hosted.retry import World
from secondpass.hosted.scorer import HostedScorer
from tests.hosted.server import Server, cohere

KEY = "sk-secret-0123456789"
NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)

Opened = Callable[..., HostedScorer]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests marked `live` whose environment variables are all unset."""
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        mark = item.get_closest_marker("live")
        (left if mark and not any(os.environ.get(name) for name in mark.args) else kept).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server(cohere) as running:
        yield running


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def world(self) -> World:
        return World(clock=lambda: self.time, now=lambda: NOW, chance=lambda: 0.0, sleep=self.sleep)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(server: Server, clock: Clock) -> Iterator[Opened]:
    """Opens scorers that ask the local server and whose time is `clock`'s."""
    scorers: list[HostedScorer] = []

    def open_one(name: str = "cohere", model: str = "rerank-v3.5", **options: Any) -> HostedScorer:
        given = {"base_url": server.url, "api_key": KEY, "environ": {}, "world": clock.world(), **options}
        scorers.append(HostedScorer(provider_named(name), model, **given))
        return scorers[-1]

    yield open_one
    for scorer in scorers:
        scorer.close()
