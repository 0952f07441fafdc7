"""Every client's own request gets the answer that it reads."""

from __future__ import annotations

from typing import Any

import pytest

from secondpass.server.dialects.registry import DIALECTS
from tests.server.conftest import Running
from tests.server.recorded import BEST, RECORDED, D, Q, Recorded


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)
def test_a_recorded_request_gets_the_best_document_first(server: Running, recorded: Recorded) -> None:
    response = server.client.post(recorded.path, json=recorded.body, headers=recorded.headers)
    assert response.status_code == 200, response.text
    order = recorded.read(response.json())
    assert order[0] == BEST
    assert len(order) == recorded.rows


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_the_example_of_a_dialect_is_answered_below_its_prefix(server: Running, dialect: Any) -> None:
    for path in dialect.paths:
        filled = path.replace("{model:path}", "org/name").replace("{", "").replace("}", "")
        response = server.client.post(f"/{dialect.prefix}{filled}".rstrip("/"), json=dialect.example)
        assert response.status_code == 200, response.text


def asked(server: Running, path: str, body: dict[str, Any], **headers: str) -> Any:
    response = server.client.post(path, json=body, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


FLAT: dict[str, Any] = {"model": "m", "query": Q, "documents": D}


def test_the_shared_answer_has_what_each_family_needs(server: Running) -> None:
    body = asked(server, "/v1/rerank", {**FLAT, "return_documents": True})
    assert body["results"][0]["document"] == {"text": D[BEST]}
    assert body["data"][0]["document"] == D[BEST]
    assert body["data"][0]["score"] == body["results"][0]["relevance_score"]
    assert body["object"] == "rerank"
    assert body["model"] == "embedded"
    assert body["meta"]["billed_units"] == {"search_units": 1}
    assert body["usage"]["rerank_units"] == 1
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] > 40


def test_an_object_comes_back_as_it_was_sent(server: Running) -> None:
    sent = [{"text": text, "page": at} for at, text in enumerate(D)]
    body = asked(server, "/v1/rerank", {**FLAT, "documents": sent, "return_documents": True, "top_n": 1})
    assert body["results"][0]["document"] == body["data"][0]["document"] == sent[BEST]


def test_litellm_gets_no_documents_where_two_of_its_providers_need_different_ones(server: Running) -> None:
    body = {**FLAT, "return_documents": True}
    assert "document" not in asked(server, "/rerank", body, **{"User-Agent": "litellm/1.106.2"})["results"][0]
    assert asked(server, "/rerank", body)["results"][0]["document"] == {"text": D[BEST]}
    told = asked(server, "/infinity/rerank", body, **{"User-Agent": "litellm/1.106.2"})
    assert told["results"][0]["document"] == D[BEST]


def test_vllm_always_tells_the_document(server: Running) -> None:
    row = asked(server, "/vllm/v1/rerank", FLAT)["results"][0]
    assert row["document"] == {"text": D[BEST], "multi_modal": None}


def test_raw_scores_are_logits(server: Running) -> None:
    cooked = asked(server, "/rerank", {"query": Q, "texts": D})
    raw = asked(server, "/rerank", {"query": Q, "texts": D, "raw_scores": True})
    assert [row["index"] for row in raw] == [row["index"] for row in cooked]
    assert all(0 <= row["score"] <= 1 for row in cooked)
    assert any(not 0 <= row["score"] <= 1 for row in raw)


def test_pairs_with_queries_of_their_own_are_scored_apart(server: Running) -> None:
    queries = [Q, "Which fruit is yellow?"]
    body = asked(server, "/score", {"queries": queries, "documents": [D[BEST], D[3]]})
    crossed = asked(server, "/score", {"queries": queries, "documents": [D[3], D[BEST]]})
    assert all(own["score"] > other["score"] for own, other in zip(body["data"], crossed["data"], strict=True))


def test_zero_means_all_where_the_dialect_says_so(server: Running) -> None:
    assert len(asked(server, "/vllm/rerank", {**FLAT, "top_n": 0})["results"]) == len(D)
    assert len(asked(server, "/rerank", {**FLAT, "top_n": 0})["results"]) == len(D)
    for path in ("/infinity/rerank", "/cohere/v2/rerank"):
        assert server.client.post(path, json={**FLAT, "top_n": 0}).status_code in (400, 422)


def test_metadata_of_contextual_is_read_with_the_documents(server: Running) -> None:
    same = ["A passage about something."] * 2
    body = {"query": Q, "documents": same, "metadata": ["", "Paris is the capital of France."]}
    assert asked(server, "/contextual/v1/rerank", body)["results"][0]["index"] == 1


def test_tokens_are_the_documents_and_the_query_once_a_document(server: Running) -> None:
    one = asked(server, "/v1/rerank", {**FLAT, "documents": D[:1]})["usage"]["total_tokens"]
    twice = asked(server, "/v1/rerank", {**FLAT, "documents": D[:1] * 2})["usage"]["total_tokens"]
    assert twice == 2 * one


def test_relevant_spans_are_passages_of_the_document(server: Running) -> None:
    spans = {"mode": "enabled", "threshold": 0.0}
    body = {**FLAT, "top_n": 1, "relevant_spans": spans}
    for path in ("/v2/rerank", "/cohere/v2/rerank"):
        (span,) = asked(server, path, body)["results"][0]["relevant_spans"]
        assert D[BEST][span["start"] : span["end"]] == D[BEST]
    long = " ".join(["Some other words stand here."] * 300)
    body = {**FLAT, "documents": [f"{long} {D[BEST]}"], "model": "chunked", "relevant_spans": {**spans, "max_spans": 1}}
    (span,) = asked(server, "/v2/rerank", body)["results"][0]["relevant_spans"]
    assert D[BEST] in body["documents"][0][span["start"] : span["end"]]
    assert span["end"] - span["start"] < len(long)


def test_a_lone_surrogate_comes_back_as_it_came(server: Running) -> None:
    raw = b'{"query": "x", "documents": ["\\ud800 x"], "return_documents": true}'
    response = server.client.post("/v1/rerank", content=raw)
    assert response.status_code == 200
    assert response.json()["data"][0]["document"] == "\ud800 x"


def test_every_dialect_is_documented_with_its_example(server: Running) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    examples = {
        name
        for path in paths.values()
        if "post" in path
        for name in path["post"]["requestBody"]["content"]["application/json"]["examples"]
    }
    assert examples == {dialect.name for dialect in DIALECTS}
