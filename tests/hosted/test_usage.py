from __future__ import annotations

import threading
from datetime import date

import pytest

from secondpass.hosted.answer import Used
from secondpass.hosted.registry import names
from secondpass.hosted.usage import Meter, Price, Usage, price_of, prices


def test_every_price_is_of_a_provider_dated_and_sourced() -> None:
    assert prices()
    for (provider, model), price in prices().items():
        assert provider in names()
        assert model
        assert 0 < price.usd < 100
        assert price.count in (1, 1_000, 1_000_000)
        assert price.per in ("token", "search", "unit")
        assert date(2025, 1, 1) <= date.fromisoformat(price.as_of)
        assert price.source.startswith("https://")


def test_a_model_that_is_not_in_the_table_has_no_price() -> None:
    assert price_of("cohere", "rerank-v99") is None


@pytest.mark.parametrize(
    ("per", "used", "usd"),
    [
        ("token", Used(tokens=500), 1.0),
        ("search", Used(searches=3), 0.006),
        ("unit", Used(units=1), 0.002),
        ("unit", Used(tokens=5), None),
    ],
)
def test_a_price_is_of_what_is_billed(per: str, used: Used, usd: float | None) -> None:
    price = {
        "token": Price(2.0, 1_000, "token", "2026-11-20", "https://example.org"),
        "search": Price(2.0, 1_000, "search", "2026-11-20", "https://example.org"),
        "unit": Price(2.0, 1_000, "unit", "2026-11-20", "https://example.org"),
    }[per]
    assert price.of(used) == usd


def test_one_answer_without_a_price_makes_the_sum_unknown() -> None:
    meter = Meter(Price(1.0, 1, "token", "2026-11-20", "https://example.org"))
    meter.add(Used(tokens=2))
    assert meter.usage == Usage(requests=1, tokens=2, usd=2.0)
    meter.add(Used())
    meter.add(Used(tokens=2))
    assert meter.usage == Usage(requests=3, tokens=4, usd=None)


def test_threads_are_counted() -> None:
    meter = Meter(None)

    def count() -> None:
        for _ in range(500):
            meter.add(Used(units=1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.usage.units == meter.usage.requests == 2000
