"""The client against a server that misbehaves on purpose. Time passes only where the test says so."""

from __future__ import annotations

import gzip
import json
import logging
import os
import threading
import time
import traceback
from typing import Any

import numpy as np
import pytest

from secondpass.errors import DeadlineExceeded, HostedAPIError, InputError, ModelError, Unauthorized
from secondpass.hosted.client import checked_url, joined, said
from secondpass.hosted.retry import Patience, World
from tests.hosted.conftest import KEY, Clock, Opened
from tests.hosted.server import Server, Told, cohere, words

DOCUMENTS = ["a river", "a giant panda", "owl"]
SCORES = np.array([words(document) for document in DOCUMENTS])
GOOD = cohere({"documents": DOCUMENTS})


def order(scores: Any) -> list[int]:
    return [int(i) for i in np.argsort(-np.asarray(scores), kind="stable")]


@pytest.mark.parametrize(
    "troubles",
    [
        pytest.param([Told({"message": "slow down"}, 429, {"Retry-After": "7"})], id="429"),
        pytest.param([Told({"message": "oops"}, 500)] * 2, id="500 twice"),
        pytest.param([Told(b"<html>bad gateway</html>", 502), Told(b"", 503)], id="502 and 503"),
        pytest.param([Told(GOOD, cut=20)], id="half a body"),
        pytest.param([Told(GOOD, cut=20, length=False)], id="half a body without a length"),
        pytest.param([Told(GOOD, cut=0)], id="no body"),
        pytest.param([Told(b"<html>maintenance</html>")], id="a page where JSON was expected"),
        pytest.param([Told(b"\x1f\x8bgarbage", headers={"Content-Encoding": "gzip"})], id="a broken encoding"),
        pytest.param([Told(b"[" * 100_000)], id="JSON too deep"),
    ],
)
def test_what_may_pass_is_tried_again(troubles: list[Told], server: Server, opened: Opened, clock: Clock) -> None:
    server.told = list(troubles)
    listed = opened().score("which animals", DOCUMENTS)
    assert order(listed.logits) == order(SCORES)
    assert len(server.asked) == len(troubles) + 1
    assert all(asked == server.asked[0] for asked in server.asked)
    assert len(clock.slept) == len(troubles)


def test_waits_grow_and_retry_after_is_obeyed_in_seconds_and_as_a_date(
    server: Server, opened: Opened, clock: Clock
) -> None:
    server.told = [
        Told(status=503),
        Told(status=429, headers={"Retry-After": "7"}),
        Told(status=429, headers={"Retry-After": "Fri, 20 Nov 2026 12:00:30 GMT"}),
        Told(status=503, headers={"Retry-After": "soon"}),
    ]
    opened().score("q", DOCUMENTS)
    assert clock.slept == [0.25, 7.0, 30.0, 2.0]


def test_it_gives_up_after_the_attempts_and_says_what_it_was_told(server: Server, opened: Opened, clock: Clock) -> None:
    server.told = [Told({"message": "model is overloaded"}, 503)] * 3
    scorer = opened(patience=Patience(attempts=3))
    with pytest.raises(
        HostedAPIError, match=r"Cohere at http://127.* answered 503: model is overloaded \(3 attempts\)"
    ):
        scorer.score("q", DOCUMENTS)
    assert len(server.asked) == 3
    assert scorer.usage.requests == 0


def test_a_wait_beyond_the_total_is_not_begun(server: Server, opened: Opened, clock: Clock) -> None:
    server.told = [Told({"message": "quota"}, 429, {"Retry-After": "3600"})]
    with pytest.raises(DeadlineExceeded, match=r"429: quota; it asks to wait 3600 s, and total_s=120"):
        opened().score("q", DOCUMENTS)
    assert clock.slept == []


@pytest.mark.parametrize("status", [400, 404, 413, 422, 501, 302])
def test_what_cannot_pass_is_not_tried_again(status: int, server: Server, opened: Opened) -> None:
    server.told = [Told({"message": "invalid request: list of documents must not be empty"}, status)]
    with pytest.raises(HostedAPIError, match=rf"answered {status}: invalid request"):
        opened().score("q", DOCUMENTS)
    assert len(server.asked) == 1


def test_a_server_slower_than_the_timeout_is_asked_again_and_then_given_up(server: Server, opened: Opened) -> None:
    never = threading.Event()
    server.told = [Told(GOOD, hold=never)] * 2
    with pytest.raises(HostedAPIError, match=r"did not answer within timeout_s=0\.05 \(2 attempts\)"):
        opened(patience=Patience(timeout_s=0.05, attempts=2)).score("q", DOCUMENTS)
    assert opened(patience=Patience(timeout_s=5)).score("q", DOCUMENTS).logits.shape == (3,)


def test_an_answer_that_comes_drop_by_drop_is_cut_off_at_the_total(server: Server, opened: Opened) -> None:
    server.told = [Told(GOOD, drip=0.02)]
    with pytest.raises(DeadlineExceeded, match=r"total_s=0\.1"):
        opened(patience=Patience(timeout_s=5, total_s=0.1), world=World()).score("q", DOCUMENTS)


def test_a_server_that_is_not_there_is_told_by_its_url(server: Server, opened: Opened) -> None:
    with pytest.raises(HostedAPIError, match=r"Cohere at http://127\.0\.0\.1:9 could not be read: ConnectError"):
        opened(base_url="http://127.0.0.1:9", patience=Patience(attempts=2)).score("q", DOCUMENTS)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_accepted_is_unauthorized_at_once(status: int, server: Server, opened: Opened) -> None:
    server.told = [Told({"message": "invalid api token"}, status)]
    with pytest.raises(Unauthorized, match=rf"{status}: invalid api token.*Check the key \(it came from api_key=\)"):
        opened().score("q", DOCUMENTS)
    assert len(server.asked) == 1


ECHOES = [
    Told({"message": f"invalid key {KEY}"}, 401),
    Told({"detail": [{"msg": f"Bearer {KEY}"}]}, 403),
    Told(f"<h1>{'x' * 280}{KEY}</h1>".encode(), 400),
    Told({"error": {"message": KEY}}, 503),
    Told(b'{"message": "\\u0073k-secret-0123456789"}', 400),
    Told(KEY.encode()),
    Told({"results": [KEY]}),
    Told({"results": [{"index": 0, "relevance_score": KEY}]}),
    Told({KEY: 1}),
]


@pytest.mark.parametrize("echo", ECHOES, ids=range(len(ECHOES)))
def test_a_key_that_is_echoed_is_in_no_error_repr_or_log(
    echo: Told, server: Server, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.told = [echo] * 2
    scorer = opened(patience=Patience(attempts=2))
    with pytest.raises((HostedAPIError, Unauthorized)) as caught:
        scorer.score("q", DOCUMENTS)
    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    told = "".join(traceback.format_exception(error))
    for text in (str(error), told, repr(scorer), repr(scorer._client), repr(scorer._client._key), caplog.text):
        assert KEY not in text
        assert KEY[:10] not in text


def test_as_many_requests_are_in_flight_as_allowed_over_all_threads(server: Server, opened: Opened) -> None:
    gate = threading.Event()
    server.told = [Told(cohere({"documents": ["x"]}), hold=gate)] * 36
    scorer = opened(max_documents=1, in_flight=3)
    threads = [threading.Thread(target=scorer.score, args=("q", DOCUMENTS * 4)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(1000):
        if server.most_at_once >= 3:
            break
        time.sleep(0.01)
    gate.set()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 36
    assert server.most_at_once == 3


def test_the_first_failure_calls_the_other_requests_off(server: Server, opened: Opened) -> None:
    server.told = [Told({"message": "bad"}, 400)]
    with pytest.raises(HostedAPIError, match="400: bad"):
        opened(max_documents=1, in_flight=1).score("q", DOCUMENTS * 20)
    assert len(server.asked) < 10


def test_a_request_that_waits_to_be_tried_again_is_called_off_too(server: Server, opened: Opened) -> None:
    server.told = [Told(status=503, headers={"Retry-After": "60"}), Told({"message": "bad"}, 400)]
    with pytest.raises(HostedAPIError, match="400: bad"):
        opened(max_documents=1, in_flight=2, world=World()).score("q", DOCUMENTS[:2])
    for thread in threading.enumerate():
        if thread.name.startswith("secondpass-hosted"):
            thread.join(10)
            assert not thread.is_alive()
    assert len(server.asked) == 2


def test_a_closed_scorer_says_so(opened: Opened) -> None:
    scorer = opened()
    scorer.close()
    scorer.close()
    with pytest.raises(ModelError, match="closed"):
        scorer.score("q", DOCUMENTS)


def test_connections_are_opened_anew_after_a_fork(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = opened()
    scorer.score("q", DOCUMENTS)
    before = scorer._client._session
    monkeypatch.setattr(os, "getpid", lambda: -1)  # what a child would see
    assert order(scorer.score("q", DOCUMENTS).logits) == order(SCORES)
    assert scorer._client._session is not before
    before.http.close()


def test_compressed_answers_are_read(server: Server, opened: Opened) -> None:
    server.told = [Told(gzip.compress(json.dumps(GOOD).encode()), headers={"Content-Encoding": "gzip"})]
    assert order(opened().score("q", DOCUMENTS).logits) == order(SCORES)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"message": "m"}', "m"),
        ('{"detail": "d", "message": ""}', "d"),
        ('{"detail": [{"loc": ["body"]}]}', '[{"loc": ["body"]}]'),
        ('{"error": {"message": "e", "code": 400}}', "e"),
        ('{"error": "tei", "error_type": "Validation"}', "tei"),
        ('{"error": {"code": 7}}', '{"error": {"code": 7}}'),
        ('{"code": "InvalidParameter", "message": "dash", "request_id": "x"}', "dash"),
        ('"text"', "text"),
        ("<h1>\n Bad </h1>", "<h1> Bad </h1>"),
        ("", ""),
        ("null", ""),
    ],
)
def test_the_message_is_found_wherever_a_dialect_puts_it(body: str, message: str) -> None:
    assert said(body) == message


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://api.cohere.com", "/v2/rerank", "https://api.cohere.com/v2/rerank"),
        ("https://api.contextual.ai/v1", "/v1/rerank", "https://api.contextual.ai/v1/rerank"),
        ("http://host/tei", "/rerank", "http://host/tei/rerank"),
        ("http://host/rerank", "/rerank", "http://host/rerank"),
        ("http://host/v1/rerank", "/v1/rerank", "http://host/v1/rerank"),
    ],
)
def test_a_base_url_is_joined_without_repeating_itself(base: str, path: str, url: str) -> None:
    assert joined(base, path) == url


@pytest.mark.parametrize("url", ["http://user:hunter2@host", "https://host/?key=hunter2", "https://host/#hunter2"])
def test_a_base_url_that_may_hold_a_secret_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InputError, match="host") as caught:
        checked_url(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://host", "http://", "http://host:99999", "", "http://[::1"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="such as http://localhost:8080"):
        checked_url(url)


def test_a_request_in_flight_ends_though_its_scorer_is_closed(server: Server, opened: Opened) -> None:
    gate = threading.Event()
    server.told = [Told(GOOD, hold=gate)]
    scorer = opened()
    found: list[Any] = []
    asking = threading.Thread(target=lambda: found.append(scorer.score("q", DOCUMENTS)))
    asking.start()
    while not server.asked:
        time.sleep(0.01)
    scorer.close()
    gate.set()
    asking.join(10)
    assert order(found[0].logits) == order(SCORES)
    assert scorer._client._session.http.is_closed


@pytest.mark.parametrize("setting", ["timeout_s", "total_s", "attempts"])
def test_patience_has_to_be_positive(setting: str) -> None:
    with pytest.raises(InputError, match=f"{setting}=0"):
        Patience(**{setting: 0})


def test_in_flight_has_to_be_positive(opened: Opened) -> None:
    with pytest.raises(InputError, match="in_flight=0"):
        opened(in_flight=0)
