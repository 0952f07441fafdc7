"""Every provider against its request and response as its documentation and official clients have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from secondpass.errors import InputError
from secondpass.hosted.registry import names
from secondpass.hosted.usage import Usage
from secondpass.models.scorer import bounded
from secondpass.text.encode import Limits
from tests.hosted.conftest import KEY, Opened
from tests.hosted.server import Server, Told

Q = "What is the capital of France?"
D = ["Paris is the capital of France.", "Berlin", "France is in Europe.", "Madrid"]
INSTRUCTION = "Prefer the newest."
JOINED = f"{INSTRUCTION} {Q}"
SCORES = [0.98, 0.01, 0.35, 0.02]
RAW = [4.5, -6.25, -1.0, -5.5]
BEARER = {"Authorization": f"Bearer {KEY}"}


def rows(score: str, values: list[float] = SCORES, **more: Any) -> list[dict[str, Any]]:
    """Rows as APIs give them, best first."""
    listed = [{"index": i, score: value, **more} for i, value in enumerate(values)]
    return sorted(listed, key=lambda row: -row[score])


@dataclass(frozen=True, slots=True)
class Example:
    """One provider's request and answer for `Q`, `D` and `INSTRUCTION`."""

    name: str
    model: str
    path: str
    request: Mapping[str, Any]
    response: Any
    usage: Usage
    headers: Mapping[str, str] = field(default_factory=lambda: BEARER)
    scores: list[float] = field(default_factory=lambda: SCORES)
    logits: list[float] | None = None


COHERE_META = {
    "api_version": {"version": "2"},
    "billed_units": {"search_units": 1},
    "tokens": {"input_tokens": 60, "output_tokens": 0},
}
SIGMOID = [float(x) for x in 1 / (1 + np.exp(-np.array(RAW)))]
RAW_VLLM = {"use_activation": False, "truncate_prompt_tokens": -1, "instruction": INSTRUCTION}

EXAMPLES = [
    Example(
        "cohere",
        "rerank-v3.5",
        "/v2/rerank",
        {"model": "rerank-v3.5", "query": JOINED, "documents": D},
        {"id": "07734bd2", "results": rows("relevance_score"), "meta": COHERE_META},
        Usage(requests=1, tokens=60, searches=1, usd=0.002),
    ),
    Example(
        "cohere-v1",
        "rerank-english-v3.0",
        "/v1/rerank",
        {"model": "rerank-english-v3.0", "query": JOINED, "documents": D, "return_documents": False},
        {"id": "x", "results": rows("relevance_score", document={"text": "…"}), "meta": COHERE_META},
        Usage(requests=1, tokens=60, searches=1, usd=None),
    ),
    Example(
        "azure",
        "cohere-rerank-v3.5",
        "/v2/rerank",
        {"model": "cohere-rerank-v3.5", "query": JOINED, "documents": D},
        {"id": "x", "results": rows("relevance_score"), "meta": COHERE_META},
        Usage(requests=1, tokens=60, searches=1, usd=None),
    ),
    Example(
        "jina",
        "jina-reranker-v2-base-multilingual",
        "/v1/rerank",
        {"model": "jina-reranker-v2-base-multilingual", "query": JOINED, "documents": D, "return_documents": False},
        {"model": "m", "usage": {"total_tokens": 815, "prompt_tokens": 815}, "results": rows("relevance_score")},
        Usage(requests=1, tokens=815, usd=None),
    ),
    Example(
        "voyage",
        "rerank-2.5",
        "/v1/rerank",
        {"query": JOINED, "documents": D, "model": "rerank-2.5", "truncation": True},
        {"object": "list", "data": rows("relevance_score"), "model": "rerank-2.5", "usage": {"total_tokens": 26}},
        Usage(requests=1, tokens=26, usd=26 * 0.05 / 1_000_000),
    ),
    Example(
        "contextual",
        "ctxl-rerank-v2-instruct-multilingual",
        "/v1/rerank",
        {"query": Q, "documents": D, "model": "ctxl-rerank-v2-instruct-multilingual", "instruction": INSTRUCTION},
        {"results": rows("relevance_score")},
        Usage(requests=1, usd=None),
    ),
    Example(
        "mixedbread",
        "mxbai-rerank-large-v2",
        "/v1/reranking",
        {"model": "mxbai-rerank-large-v2", "query": JOINED, "input": D, "return_input": False},
        {
            "usage": {"prompt_tokens": 40, "total_tokens": 41, "completion_tokens": 1},
            "model": "mxbai-rerank-large-v2",
            "data": rows("score", object="rank_result"),
            "object": "list",
            "top_k": 4,
            "return_input": False,
        },
        Usage(requests=1, tokens=41, usd=None),
    ),
    Example(
        "pinecone",
        "bge-reranker-v2-m3",
        "/rerank",
        {
            "model": "bge-reranker-v2-m3",
            "query": JOINED,
            "documents": [{"text": document} for document in D],
            "rank_fields": ["text"],
            "return_documents": False,
            "parameters": {"truncate": "END"},
        },
        {"model": "bge-reranker-v2-m3", "data": rows("score"), "usage": {"rerank_units": 1}},
        Usage(requests=1, units=1, usd=None),
        headers={"Api-Key": KEY, "X-Pinecone-API-Version": "2026-07"},
    ),
    Example(
        "zeroentropy",
        "zerank-1",
        "/v1/models/rerank",
        {"model": "zerank-1", "query": JOINED, "documents": D},
        {
            "results": rows("relevance_score"),
            "total_bytes": 300,
            "total_tokens": 80,
            "actual_latency_mode": "fast",
            "e2e_latency": 0.1,
            "inference_latency": 0.05,
        },
        Usage(requests=1, tokens=80, usd=80 * 0.025 / 1_000_000),
    ),
    Example(
        "nim",
        "nvidia/nv-rerankqa-mistral-4b-v3",
        "/v1/ranking",
        {
            "model": "nvidia/nv-rerankqa-mistral-4b-v3",
            "query": {"text": JOINED},
            "passages": [{"text": document} for document in D],
            "truncate": "END",
        },
        {"rankings": rows("logit", RAW), "usage": {"prompt_tokens": 50, "total_tokens": 50}},
        Usage(requests=1, tokens=50, usd=None),
        scores=SIGMOID,
        logits=RAW,
    ),
    Example(
        "nvidia",
        "nvidia/llama-3.2-nv-rerankqa-1b-v2",
        "/v1/retrieval/nvidia/llama-3_2-nv-rerankqa-1b-v2/reranking",
        {
            "model": "nvidia/llama-3.2-nv-rerankqa-1b-v2",
            "query": {"text": JOINED},
            "passages": [{"text": document} for document in D],
            "truncate": "END",
        },
        {"rankings": rows("logit", RAW)},
        Usage(requests=1, usd=None),
        scores=SIGMOID,
        logits=RAW,
    ),
    Example(
        "tei",
        "",
        "/rerank",
        {"query": JOINED, "texts": D, "truncate": True, "raw_scores": True, "return_text": False},
        rows("score", RAW),
        Usage(requests=1, usd=None),
        scores=SIGMOID,
        logits=RAW,
    ),
    Example(
        "vllm",
        "BAAI/bge-reranker-v2-m3",
        "/v1/rerank",
        {"model": "BAAI/bge-reranker-v2-m3", "query": Q, "documents": D, **RAW_VLLM},
        {
            "id": "score-1",
            "model": "BAAI/bge-reranker-v2-m3",
            "usage": {"prompt_tokens": 56, "total_tokens": 56},
            "results": rows("relevance_score", RAW, document={"text": "…", "multi_modal": None}),
        },
        Usage(requests=1, tokens=56, usd=None),
        scores=SIGMOID,
        logits=RAW,
    ),
    Example(
        "vllm-score",
        "",
        "/v1/score",
        {"text_1": Q, "text_2": D, **RAW_VLLM},
        {
            "id": "score-1",
            "object": "list",
            "created": 1,
            "model": "m",
            "data": [{"index": i, "object": "score", "score": value} for i, value in enumerate(RAW)],
            "usage": {"prompt_tokens": 56, "total_tokens": 57, "completion_tokens": 1, "prompt_tokens_details": None},
        },
        Usage(requests=1, tokens=57, usd=None),
        scores=SIGMOID,
        logits=RAW,
    ),
    Example(
        "secondpass",
        "embedded",
        "/v2/rerank",
        {"model": "embedded", "query": JOINED, "documents": D},
        {
            "id": "x",
            "object": "rerank",
            "results": rows("relevance_score"),
            "data": rows("score", relevance_score=0.5),
            "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
        },
        Usage(requests=1, searches=1, usd=None),
    ),
    Example(
        "together",
        "Salesforce/Llama-Rank-V1",
        "/v1/rerank",
        {"model": "Salesforce/Llama-Rank-V1", "query": JOINED, "documents": D, "return_documents": False},
        {"object": "rerank", "id": "x", "model": "m", "results": rows("relevance_score"), "usage": {"total_tokens": 9}},
        Usage(requests=1, tokens=9, usd=None),
    ),
    Example(
        "fireworks",
        "fireworks/qwen3-reranker-8b",
        "/v1/rerank",
        {"model": "fireworks/qwen3-reranker-8b", "query": JOINED, "documents": D, "return_documents": False},
        {"object": "list", "model": "m", "data": rows("relevance_score"), "usage": {"total_tokens": 7}},
        Usage(requests=1, tokens=7, usd=None),
    ),
    Example(
        "deepinfra",
        "Qwen/Qwen3-Reranker-8B",
        "/inference/Qwen/Qwen3-Reranker-8B",
        {"queries": [Q] * 4, "documents": D, "instruction": INSTRUCTION},
        {"scores": SCORES, "input_tokens": 42, "request_id": None, "inference_status": {"status": "unknown"}},
        Usage(requests=1, tokens=42, usd=None),
    ),
    Example(
        "siliconflow",
        "Qwen/Qwen3-Reranker-8B",
        "/v1/rerank",
        {
            "model": "Qwen/Qwen3-Reranker-8B",
            "query": Q,
            "documents": D,
            "instruction": INSTRUCTION,
            "return_documents": False,
        },
        {
            "id": "x",
            "results": rows("relevance_score"),
            "meta": {"tokens": {"input_tokens": 28, "output_tokens": 0, "image_tokens": 0}, "billed_units": {}},
        },
        Usage(requests=1, tokens=28, usd=None),
    ),
    Example(
        "dashscope",
        "gte-rerank-v2",
        "/api/v1/services/rerank/text-rerank/text-rerank",
        {
            "model": "gte-rerank-v2",
            "input": {"query": Q, "documents": D},
            "parameters": {"return_documents": False, "instruct": INSTRUCTION},
        },
        {"output": {"results": rows("relevance_score")}, "usage": {"total_tokens": 79}, "request_id": "x"},
        Usage(requests=1, tokens=79, usd=None),
    ),
    Example(
        "isaacus",
        "kanon-universal-classifier",
        "/v1/rerankings",
        {"model": "kanon-universal-classifier", "query": JOINED, "texts": D},
        {"results": rows("score"), "usage": {"input_tokens": 19}},
        Usage(requests=1, tokens=19, usd=None),
    ),
    Example(
        "infinity",
        "",
        "/rerank",
        {"query": JOINED, "documents": D, "raw_scores": True, "return_documents": False},
        {
            "object": "rerank",
            "results": rows("relevance_score", RAW, document=None),
            "model": "default/not-specified",
            "usage": {"prompt_tokens": 90, "total_tokens": 91},
            "id": "infinity-1",
            "created": 1,
        },
        Usage(requests=1, tokens=91, usd=None),
        scores=SIGMOID,
        logits=RAW,
    ),
    Example(
        "llamacpp",
        "",
        "/v1/rerank",
        {"query": JOINED, "documents": D},
        {"model": "m", "object": "list", "usage": {"total_tokens": 11}, "results": rows("relevance_score", RAW)},
        Usage(requests=1, tokens=11, usd=None),
        scores=SIGMOID,
        logits=RAW,
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_request_is_written_and_an_answer_read_as_documented(
    example: Example, server: Server, opened: Opened
) -> None:
    server.told = [Told(example.response)]
    scorer = opened(example.name, example.model)
    listed = scorer.score(Q, D, INSTRUCTION)
    (asked,) = server.asked
    assert asked.path == example.path
    assert asked.body == example.request
    assert asked.headers["Content-Type"] == "application/json"
    for name, value in example.headers.items():
        assert asked.headers[name] == value
    np.testing.assert_allclose(bounded(listed.logits, scorer.declared.activation), example.scores, rtol=1e-6)
    if example.logits is not None:
        assert listed.logits.tolist() == example.logits
    assert scorer.usage == example.usage
    assert list(listed.truncated) == [False] * 4


def test_every_provider_has_an_example() -> None:
    assert {example.name for example in EXAMPLES} == set(names())


REFUSING = [
    ("voyage", "truncation", False),
    ("tei", "truncate", False),
    ("nim", "truncate", "NONE"),
    ("pinecone", "parameters", {"truncate": "NONE"}),
    ("vllm", "truncate_prompt_tokens", None),
]


@pytest.mark.parametrize(("name", "member", "value"), REFUSING)
def test_policy_error_asks_the_provider_to_refuse_long_pairs(
    name: str, member: str, value: object, server: Server, opened: Opened
) -> None:
    server.told = [Told({"error": "too long"}, status=422)]
    with pytest.raises(Exception, match="too long"):
        opened(name, "m").score(Q, D, limits=Limits(policy="error"))
    assert server.asked[0].body.get(member) == value


def test_pinecones_cohere_model_is_not_told_how_to_cut(server: Server, opened: Opened) -> None:
    server.told = [Told({"data": rows("score"), "usage": {"rerank_units": 1}})]
    opened("pinecone", "cohere-rerank-3.5").score(Q, D)
    assert "parameters" not in server.asked[0].body


def test_max_tokens_reaches_vllm(server: Server, opened: Opened) -> None:
    server.told = [Told({"results": rows("relevance_score", RAW)})]
    opened("vllm", "m").score(Q, D, limits=Limits(max_tokens=256))
    assert server.asked[0].body["truncate_prompt_tokens"] == 256


@pytest.mark.parametrize(
    ("name", "limits", "message"),
    [
        ("cohere", Limits(policy="chunk"), 'policy="chunk": Cohere'),
        ("cohere", Limits(policy="error"), 'policy="error": Cohere'),
        ("tei", Limits(max_tokens=99), "max_tokens=99: TEI"),
    ],
)
def test_limits_that_a_provider_cannot_keep_are_refused(
    name: str, limits: Limits, message: str, server: Server, opened: Opened
) -> None:
    with pytest.raises(InputError, match=message):
        opened(name).score(Q, D, limits=limits)
    assert not server.asked


def test_metadata_goes_to_contextual_with_each_batch(server: Server, opened: Opened) -> None:
    scorer = opened("contextual", "m", max_documents=2, in_flight=1)
    scorer.score(Q, D, metadata=["", "source: atlas", "", "old"])
    assert [asked.body["metadata"] for asked in server.asked] == [["", "source: atlas"], ["", "old"]]
    with pytest.raises(InputError, match="2 lines of metadata for 4 documents"):
        scorer.score(Q, D, metadata=["", ""])
    with pytest.raises(InputError, match="Cohere takes none"):
        opened().score(Q, D, metadata=[""] * 4)


def test_jinas_listwise_model_gives_cosines_which_may_be_negative(server: Server, opened: Opened) -> None:
    server.told = [Told({"results": rows("relevance_score", [0.4, -0.2, 0.1, 0.0])})]
    scorer = opened("jina", "jina-reranker-v3")
    listed = scorer.score(Q, D)
    np.testing.assert_array_equal(listed.logits, np.array([0.4, -0.2, 0.1, 0.0], np.float32))
    assert scorer.declared.activation == "identity"


def test_siliconflows_com_service_has_its_tokens_at_the_top(server: Server, opened: Opened) -> None:
    server.told = [Told({"results": rows("relevance_score"), "tokens": {"input_tokens": 5, "output_tokens": 0}})]
    scorer = opened("siliconflow", "BAAI/bge-reranker-v2-m3")
    scorer.score(Q, D)
    assert scorer.usage.tokens == 5


def test_fireworks_results_are_read_where_there_is_no_data(server: Server, opened: Opened) -> None:
    server.told = [Told({"results": rows("relevance_score")})]
    assert opened("fireworks", "m").score(Q, D).logits.argmax() == 0
