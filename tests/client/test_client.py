"""The client against real server processes: the library's own answers, and typed errors from the server's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import date

import pytest

import secondpass
from secondpass import AsyncClient, Client, Document
from secondpass.ranking.rules.rule import Rule
from tests.server.conftest import KEY, Running, free_port, running

QUERY = "when do I get my money back?"
DOCUMENTS: list[secondpass.types.AnyDocument] = [
    "Opening hours: Monday to Friday, nine to five.",
    Document("Refunds reach your account within five working days.", id="r", title="Refunds", metadata={"year": 2025}),
    {"sku": "A-1", "text": "Returns are free.", "seen": date(2026, 1, 2), "rating": float("nan")},
    {"name": "refund", "price": 3.5},
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("client")
    with running(folder, "embedded", "fast=bm25", "--drain-delay-ms", "50") as found:
        yield found


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that asks for keys; one may ask once a minute, another once a second after sixty."""
    folder = tmp_path_factory.mktemp("client-guarded")
    (folder / "keys.toml").write_text(
        f'[full]\nkey = "{KEY}"\n'
        '[poor]\nkey = "poor"\nrequests_per_minute = 1\n'
        '[patient]\nkey = "patient"\nrequests_per_minute = 60\n',
        encoding="utf-8",
    )
    with running(folder, "bm25", "--keys-file", "keys.toml", "--strict-models", "--max-documents", "5") as found:
        yield found


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[Client]:
    with Client(server.url) as found:
        yield found


def test_a_ranking_is_the_librarys_own(client: Client) -> None:
    with secondpass.load() as reranker:
        right = reranker.rank(QUERY, DOCUMENTS, instruction="prefer the newest", now="2026-11-20")
    found = client.rank(QUERY, DOCUMENTS, instruction="prefer the newest", now=date(2026, 11, 20))
    assert [hit.index for hit in found] == [hit.index for hit in right]
    assert [hit.document for hit in found] == [DOCUMENTS[hit.index] for hit in right]
    assert [hit.logit for hit in found] == pytest.approx([hit.logit for hit in right], abs=0.02)
    assert [(hit.tokens, hit.truncated, hit.chunks, hit.span) for hit in found] == [
        (hit.tokens, hit.truncated, hit.chunks, hit.span) for hit in right
    ]
    assert found.rules == right.rules
    assert all(isinstance(rule, Rule) for rule in found.rules)
    assert (found.query, found.model, found.degraded) == (QUERY, "embedded", False)


def test_options_reach_the_server(client: Client) -> None:
    found = client.rank(QUERY, DOCUMENTS, model="fast", top_n=2)
    assert (found.model, len(found)) == ("fast", 2)
    staged = client.rank(QUERY, DOCUMENTS, cascade="cascade(fast=3, embedded)")
    assert [(stage.model, stage.given, stage.read) for stage in staged.stages] == [("bm25", 4, 4), ("embedded", 3, 3)]


def test_a_deadline_gives_the_best_known_order_or_an_error(client: Client) -> None:
    many = [f"{number} " + "refunds and money " * 100 for number in range(300)]
    began = time.monotonic()
    found = client.rank(QUERY, many, deadline_ms=300)
    assert found.degraded
    assert len(found) == 300
    assert time.monotonic() - began < 20
    with pytest.raises(secondpass.DeadlineExceeded):
        client.rank(QUERY, [f"again {one}" for one in many], deadline_ms=300, on_deadline="error")


def test_models_and_health_are_told(client: Client) -> None:
    assert [(one.id, one.name) for one in client.models()] == [("embedded", "embedded"), ("fast", "bm25")]
    assert client.health() == "ready"


def test_the_async_client_ranks_many_at_a_time(server: Running) -> None:
    async def asked() -> tuple[list[secondpass.Ranking], str, int]:
        async with AsyncClient(server.url) as client:
            rankings = await asyncio.gather(*(client.rank(f"{QUERY} {n}", DOCUMENTS) for n in range(8)))
            return list(rankings), await client.health(), len(await client.models())

    rankings, health, models = asyncio.run(asked())
    assert [ranking.query for ranking in rankings] == [f"{QUERY} {n}" for n in range(8)]
    assert {ranking[0].index for ranking in rankings} == {1}
    assert (health, models) == ("ready", 2)


def test_a_key_is_asked_for_and_never_shown(guarded: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (None, "a-wrong-key"):
        with Client(guarded.url, key) as client, pytest.raises(secondpass.Unauthorized, match="401") as caught:
            client.rank(QUERY, ["a"])
        assert "a-wrong-key" not in f"{caught.value!r}{client!r}"
    monkeypatch.setenv("SECONDPASS_API_KEY", KEY)
    with Client(guarded.url) as client:
        assert len(client.rank(QUERY, ["a", "b"])) == 2


def test_too_many_requests_are_overload_with_the_wait(guarded: Running) -> None:
    with Client(guarded.url, "poor", retries=4, timeout=5) as client:
        client.rank(QUERY, ["a"])
        began = time.monotonic()
        with pytest.raises(secondpass.Overloaded, match="used up") as caught:  # a minute is too long to wait here
            client.rank(QUERY, ["a"])
        assert time.monotonic() - began < 5
        assert caught.value.retry_after is not None
        assert caught.value.retry_after > 5
        with pytest.raises(secondpass.Overloaded):
            client.rank(QUERY, ["a"], deadline_ms=2000)


def test_a_short_wait_is_waited_for(guarded: Running) -> None:
    used_up(guarded, "patient")
    with Client(guarded.url, "patient") as client:
        began = time.monotonic()
        assert len(client.rank(QUERY, ["a"])) == 1
        assert time.monotonic() - began > 0.9


def used_up(server: Running, key: str) -> None:
    """Ask until the server has had enough of the key."""
    body, headers = {"query": QUERY, "documents": ["a"]}, {"Authorization": f"Bearer {key}"}
    while server.client.post("/shared/rerank", json=body, headers=headers).status_code == 200:
        pass


@pytest.mark.parametrize(
    ("documents", "options", "told"),
    [
        (["a"] * 6, {}, "takes 5"),
        (["a"], {"model": "unknown"}, "No model of that name"),
        (["a"], {"signals": "nonsense"}, "nonsense"),
    ],
)
def test_what_the_server_refuses_is_an_input_error_in_its_words(
    guarded: Running, documents: list[str], options: dict[str, str], told: str
) -> None:
    with Client(guarded.url, KEY) as client, pytest.raises(secondpass.InputError, match=told):
        client.rank(QUERY, documents, model=options.get("model"), signals=options.get("signals"))


def test_what_no_server_could_use_is_refused_here(client: Client) -> None:
    with pytest.raises(secondpass.InputError, match="blank"):
        client.rank(" ", DOCUMENTS)
    with pytest.raises(secondpass.InputError, match="top_n=0"):
        client.rank(QUERY, DOCUMENTS, top_n=0)
    with pytest.raises(secondpass.InputError, match=r"documents\[0\]\.when is a object"):
        client.rank(QUERY, [{"when": object()}])


def test_a_server_that_is_not_there_is_tried_again_and_then_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with Client(url, retries=1) as client:
        with pytest.raises(secondpass.ServiceError, match=f"{url} could not be reached"):
            client.rank(QUERY, ["a"])
        with pytest.raises(secondpass.ServiceError, match="Check base_url"):
            client.health()
        with pytest.raises(secondpass.DeadlineExceeded, match="could not be reached"):
            client.rank(QUERY, ["a"], deadline_ms=100)


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(secondpass.InputError, match="base_url"):
        Client("not a url")
