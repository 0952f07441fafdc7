"""Failures come in the form that each family's clients read, without anything of a document or a key."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from secondpass.server.app import create_app
from secondpass.server.dialects.bedrock import BEDROCK
from secondpass.server.dialects.dialect import Dialect
from secondpass.server.dialects.llamacpp import LLAMACPP_TEXTS
from secondpass.server.dialects.registry import DIALECTS
from secondpass.server.settings import ModelSetting, Settings
from tests.server.conftest import KEY, Running
from tests.server.recorded import D, Q

FAMILIES = [dialect for dialect in DIALECTS if dialect is not LLAMACPP_TEXTS]
"""All but the one that is told apart by a field which these bodies lack."""

FLAT: dict[str, Any] = {"model": "plain", "query": Q, "documents": D}


def path_of(dialect: Dialect) -> str:
    filled = dialect.paths[0].replace("{model:path}", "org/name").replace("{", "").replace("}", "")
    return f"/{dialect.prefix}{filled}"


def message(body: Any) -> str:
    """What some client of the family finds."""
    if isinstance(body.get("error"), dict):
        return str(body["error"]["message"])
    found = body.get("message") or body.get("detail") or body.get("error")
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize("dialect", FAMILIES, ids=lambda dialect: dialect.name)
def test_what_cannot_be_used_is_refused_in_the_dialects_form(server: Running, dialect: Dialect) -> None:
    response = server.client.post(path_of(dialect), json={"nothing": "of use"})
    assert response.status_code == dialect.refused
    assert "missing" in message(response.json())


@pytest.mark.parametrize("dialect", FAMILIES, ids=lambda dialect: dialect.name)
def test_without_a_key_every_dialect_says_401(guarded: Running, dialect: Dialect) -> None:
    response = guarded.client.post(path_of(dialect), json=dialect.example)
    assert response.status_code == 401
    assert "key is missing" in message(response.json())


def test_a_signature_tells_the_dialect_before_the_body_is_read(guarded: Running) -> None:
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=none/20260101/us-east-1/bedrock/aws4_request"}
    refused = guarded.client.post("/rerank", json=BEDROCK.example, headers=signed)
    assert (refused.status_code, refused.json()["__type"]) == (401, "AccessDeniedException")
    busy = {**signed, "x-api-key": f"busy-{KEY}"}
    waits = [guarded.client.post("/rerank", json=BEDROCK.example, headers=busy) for _ in range(3)][-1]
    assert (waits.status_code, waits.json()["__type"]) == (429, "ThrottlingException")


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": KEY},
        {"api-key": KEY},
        {"Api-Key": KEY},
        {"x-api-key": KEY},
        {"Ocp-Apim-Subscription-Key": KEY},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_a_key_is_taken_in_every_spelling(guarded: Running, headers: dict[str, str]) -> None:
    assert guarded.client.post("/v1/rerank", json=FLAT, headers=headers).status_code == 200


def test_a_wrong_key_is_not_repeated(guarded: Running) -> None:
    response = guarded.client.post("/v1/rerank", json=FLAT, headers={"Authorization": "Bearer wrong-one"})
    assert response.status_code == 401
    assert "wrong-one" not in response.text


def test_a_key_that_asked_enough_waits(guarded: Running) -> None:
    headers = {"Authorization": f"Bearer poor-{KEY}"}
    statuses = [guarded.client.post("/v1/rerank", json=FLAT, headers=headers) for _ in range(3)]
    assert [response.status_code for response in statuses] == [200, 200, 429]
    assert 1 <= int(statuses[-1].headers["Retry-After"]) <= 60
    assert statuses[-1].json()["detail"] == statuses[-1].json()["message"]


def test_unknown_names_are_refused_where_they_are_taken_strictly(guarded: Running) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    response = guarded.client.post("/v1/rerank", json={**FLAT, "model": "other"}, headers=headers)
    assert response.status_code == 404
    assert "plain" in response.json()["message"]


def test_too_many_documents_are_refused_with_their_number(guarded: Running) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    response = guarded.client.post("/v1/rerank", json={**FLAT, "documents": D * 6}, headers=headers)
    assert response.status_code == 422
    assert "24 documents: this server takes 20" in response.json()["message"]


def test_a_body_that_is_too_large_is_refused(server: Running) -> None:
    body = {"query": Q, "documents": ["x" * 4_100_000]}
    assert server.client.post("/v1/rerank", json=body).status_code == 413


def test_a_body_of_unknown_length_is_refused_once_it_is_too_large(server: Running) -> None:
    parts = (b"x" * 100_000 for _ in range(50))
    assert server.client.post("/v1/rerank", content=parts).status_code == 413


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"[]", "list"),
        (b"\xff\xfe", "no JSON"),
        (b'{"query": NaN}', "no JSON"),
        (b'{"query": 1e999}', "no JSON"),
        (b"[" * 100_000, "nested"),
        (b'{"query": "x", "documents": []}', "empty list"),
        (b'{"query": " ", "documents": ["x"]}', "blank"),
        (b'{"query": 5, "documents": ["x"]}', "query is a number"),
        (b'{"query": "x", "documents": "none" }', None),
        (b'{"query": "x", "documents": ["x", null]}', "documents[1] is a null"),
        (b'{"query": "x", "documents": ["x"], "top_n": "2"}', "top_n"),
        (b'{"query": "x", "documents": ["x"], "top_n": -1}', "top_n=-1"),
        (b'{"query": "x", "documents": ["x"], "return_documents": "yes"}', "true or false"),
        (b'{"query": "x", "documents": [{"image": "http://x/y.png"}]}', "image"),
        (b'{"query": "x", "documents": ["x"], "secondpass": {"signals": "nonsense"}}', "nonsense"),
        (b'{"query": "x", "documents": ["x"], "secondpass": {"now": "yesterday"}}', "now"),
        (b'{"query": "x", "documents": ["x"], "secondpass": {"return": ["everything"]}}', "return"),
        (b'{"query": "x", "documents": ["x"], "secondpass": {"cascade": "cascade(a=1, b)"}}', "cascade"),
    ],
)
def test_a_broken_body_is_refused_with_its_reason(server: Running, raw: bytes, told: str | None) -> None:
    response = server.client.post("/v1/rerank", content=raw)
    if told is None:
        assert response.status_code == 200  # one document that stands alone
        return
    assert response.status_code == 422, response.text
    body = response.json()
    assert told in body["message"]
    assert body["message"] == body["detail"] == body["error"]["message"]


def test_no_log_tells_a_document_or_a_key(server: Running, guarded: Running) -> None:
    secret = "the-text-that-nobody-may-see"
    bodies: list[dict[str, Any]] = [
        {"query": secret, "documents": [secret]},
        {"query": secret, "documents": [secret, 5]},
        {"query": secret, "documents": [secret], "secondpass": {"signals": secret}},
    ]
    for running in (server, guarded):
        for body in bodies:
            running.client.post("/v1/rerank", json=body, headers={"Authorization": f"Bearer {KEY}"})
        assert '"route": "/v1/rerank"' in running.log
        assert secret not in running.log
        assert KEY not in running.log


async def unready(dialect: Dialect) -> httpx.Response:
    app = create_app(Settings(models=(ModelSetting("bm25", "bm25"),)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.post(path_of(dialect), json=dialect.example)


@pytest.mark.parametrize("dialect", FAMILIES, ids=lambda dialect: dialect.name)
def test_before_the_models_are_loaded_every_dialect_says_503(dialect: Dialect) -> None:
    response = asyncio.run(unready(dialect))
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert "loaded" in message(response.json())
