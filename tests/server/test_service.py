"""Deadlines, clients that hang up, and what the server tells of itself."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import secondpass
from tests.server.conftest import Running, running
from tests.server.recorded import D, Q

MANY = {"query": Q, "documents": [f"{number} {text * 12}" for number in range(200) for text in D]}
"""Some seconds of work."""


def test_past_its_deadline_a_request_gets_every_document_and_a_mark(server: Running) -> None:
    response = server.client.post("/v1/rerank", json=MANY, headers={"X-Request-Timeout-Ms": "60"})
    assert response.status_code == 200
    assert response.headers["X-Secondpass-Degraded"] == "true"
    assert sorted(row["index"] for row in response.json()["results"]) == list(range(800))


def test_past_its_deadline_a_request_fails_where_that_is_wanted(server: Running) -> None:
    before = server.metric("secondpass_expired_total")
    body = {**MANY, "secondpass": {"deadline_ms": 60, "on_deadline": "error"}}
    response = server.client.post("/v1/rerank", json=body)
    assert response.status_code == 504
    assert "deadline" in response.json()["message"]
    assert server.metric("secondpass_expired_total") == before + 1


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "0"])
def test_a_deadline_that_is_none_is_refused(server: Running, value: str) -> None:
    body = {"query": Q, "documents": D}
    assert server.client.post("/v1/rerank", json=body, headers={"X-Request-Timeout-Ms": value}).status_code == 422


def test_the_work_for_a_client_that_hangs_up_is_given_up(server: Running) -> None:
    before = server.metric("secondpass_cancelled_total")
    content = json.dumps({**MANY, "documents": [f"other {text}" for text in MANY["documents"]]}).encode()
    head = f"POST /v1/rerank HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
    url = urlsplit(server.url)
    with socket.create_connection((str(url.hostname), int(url.port or 0))) as client:
        client.sendall(head.encode() + content)
        time.sleep(0.1)
    until = time.monotonic() + 5
    while server.metric("secondpass_cancelled_total") == before and time.monotonic() < until:
        time.sleep(0.05)
    assert server.metric("secondpass_cancelled_total") == before + 1
    assert server.metric("secondpass_requests_under_way") == 0


def test_answers_are_those_of_the_library(server: Running) -> None:
    body = server.client.post("/v1/rerank", json={"query": Q, "documents": D}).json()
    with secondpass.load() as reranker:
        expected = reranker.rank(Q, D)
    assert [row["index"] for row in body["results"]] == [hit.index for hit in expected]
    for row, hit in zip(body["results"], expected, strict=True):
        assert row["relevance_score"] == pytest.approx(hit.score, abs=0.02)


def test_the_headers_tell_the_time_and_the_request(server: Running) -> None:
    response = server.client.post("/v1/rerank", json={"query": Q, "documents": D}, headers={"X-Request-Id": "mine"})
    assert response.headers["X-Request-Id"] == "mine"
    assert {part.split(";")[0].strip() for part in response.headers["Server-Timing"].split(",")} >= {"rank", "total"}
    line = next(json.loads(one) for one in server.log.splitlines() if '"mine"' in one)
    assert line["dialect"] == "shared"
    assert line["documents"] == 4


def test_metrics_count_by_model_and_dialect(server: Running) -> None:
    server.client.post("/tei/rerank", json={"query": Q, "texts": D, "model": "fast"})
    text = server.client.get("/metrics").text
    assert 'secondpass_pairs_total{dialect="tei",model="fast"}' in text
    assert 'phase="total"' in text
    assert "secondpass_cache_hits" in text


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        ("/health", {"status": "ok"}),
        ("/ready", {"ready": True}),
        ("/v1/health/ready", {"ready": True}),
        ("/v1/cluster/auth", {"auth": False}),
        ("/v1/models/anything", {"model_type": "rerank", "id": "embedded"}),
        ("/models/", {"object": "list"}),
        ("/info", {"model_id": "embedded"}),
        ("/tei/info", {"model_id": "embedded"}),
        ("/nim/v1/models", {"object": "list"}),
        ("/", {"name": "secondpass"}),
    ],
)
def test_clients_find_what_they_look_for_first(server: Running, path: str, holds: dict[str, Any]) -> None:
    response = server.client.get(path, follow_redirects=True)
    assert response.status_code == 200
    assert holds.items() <= response.json().items()


def test_a_browser_is_led_on_from_the_root(server: Running) -> None:
    response = server.client.get("/", headers={"Accept": "text/html"})
    assert response.status_code == 307
    assert server.client.get(response.headers["location"]).status_code == 200


def test_what_is_not_there_is_said_in_the_form_that_everyone_reads(server: Running) -> None:
    for path, status in (("/nowhere", 404), ("/v9/health", 404)):
        response = server.client.get(path)
        assert response.status_code == status
        assert response.json()["detail"] == response.json()["message"]
    assert server.client.get("/v1/rerank").status_code == 405


def test_models_are_listed_for_those_with_a_key_alone(guarded: Running) -> None:
    assert guarded.client.get("/v1/models").status_code == 401
    assert guarded.client.get("/health").status_code == 200
    assert guarded.client.get("/v1/cluster/auth").json() == {"auth": True}


def test_a_busy_server_keeps_deadlines_and_refuses_what_is_too_much(tmp_path: Path) -> None:
    arguments = ("embedded", "--threads", "1", "--max-queued-tokens", "25000", "--cache-mb", "0")
    with running(tmp_path, *arguments) as server, ThreadPoolExecutor(1) as clients:
        busy = clients.submit(server.client.post, "/v1/rerank", json={**MANY, "documents": MANY["documents"][:100]})
        while server.metric("secondpass_requests_under_way") < 1:
            time.sleep(0.01)
        refused = server.client.post("/v1/rerank", json=MANY)
        body = {"query": Q, "documents": D}
        hurried = server.client.post("/v1/rerank", json=body, headers={"X-Request-Timeout-Ms": "100"})
        assert not busy.done()
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert hurried.headers["X-Secondpass-Degraded"] == "true"
        assert [row["index"] for row in hurried.json()["results"]] == [0, 1, 2, 3]
        assert busy.result().status_code == 200
