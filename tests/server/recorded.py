"""Requests as real clients sent them, with what they read in the answer. The documents are four; the second is best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Q = "What is the capital of France?"
D = [
    "The Eiffel tower is made of iron.",
    "Paris is the capital of France.",
    "Berlin is the capital of Germany.",
    "Bananas are yellow.",
]
BEST = 1

Read = Callable[[Any], list[int]]


def results(score: str = "relevance_score", rows: str = "results") -> Read:
    """Reads `index` of rows whose scores do not rise."""

    def read(body: Any) -> list[int]:
        found = body[rows]
        scores = [row[score] for row in found]
        assert scores == sorted(scores, reverse=True)
        return [row["index"] for row in found]

    return read


def array(body: Any) -> list[int]:
    return results()({"results": [{**row, "relevance_score": row["score"]} for row in body]})


def records(body: Any) -> list[int]:
    return [int(row["id"]) for row in body["records"]]


def in_order(body: Any) -> list[int]:
    assert [row["index"] for row in body["data"]] == list(range(len(D)))
    return sorted(range(len(D)), key=lambda at: -body["data"][at]["score"])


def scores(body: Any) -> list[int]:
    return sorted(range(len(D)), key=lambda at: -body["scores"][at])


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request, how many rows come back, and how its client reads them."""

    name: str
    path: str
    body: Mapping[str, Any]
    read: Read = field(default_factory=results)
    rows: int = 2
    headers: Mapping[str, str] = field(default_factory=dict)


DATA = results(rows="data")
_FLAT: dict[str, Any] = {"model": "rerank-v3.5", "query": Q, "documents": D}
_LITELLM = {"user-agent": "litellm/1.106.2"}
_TEXT = [{"text": text} for text in D]

RECORDED = (
    Recorded("cohere-v1", "/v1/rerank", {**_FLAT, "top_n": 2}),
    Recorded(
        "cohere-v1-fields",
        "/v1/rerank",
        {
            **_FLAT,
            "documents": [{"text": text, "id": str(at)} for at, text in enumerate(D)],
            "rank_fields": ["text"],
            "return_documents": True,
            "max_chunks_per_doc": 10,
        },
        rows=4,
    ),
    Recorded("cohere-v2", "/v2/rerank", {**_FLAT, "top_n": 2, "max_tokens_per_doc": 512}),
    Recorded("langchain-cohere", "/v2/rerank", {**_FLAT, "top_n": None, "max_tokens_per_doc": 100}, rows=4),
    Recorded("haystack-cohere", "/v2/rerank", {**_FLAT, "top_n": 2, "max_tokens_per_doc": 4096}),
    Recorded("voyageai", "/v1/rerank", {**_FLAT, "top_k": None, "truncation": True}, DATA, 4),
    Recorded(
        "contextual",
        "/v1/rerank",
        {**_FLAT, "instruction": "Prefer atlases.", "metadata": ["", "source: atlas", "", ""], "top_n": 2},
    ),
    Recorded(
        "langchain-contextual",
        "/v1/rerank",
        {
            **_FLAT,
            "instruction": None,
            "metadata": [f'{{"i": {at}}}' for at in range(4)],
            "top_n": None,
            "model": "ctxl-rerank-en-v1-instruct",
        },
        rows=4,
    ),
    Recorded("jina", "/v1/rerank", {**_FLAT, "top_n": 2}),
    Recorded("haystack-jina", "/v1/rerank", {**_FLAT, "top_n": None}, rows=4),
    Recorded(
        "siliconflow",
        "/v1/rerank",
        {**_FLAT, "top_n": 2, "return_documents": True, "max_chunks_per_doc": 1024, "overlap_tokens": 80},
    ),
    Recorded("xinference-llamaindex", "/v1/rerank", _FLAT, rows=4),
    Recorded("litellm-cohere", "/v2/rerank", {**_FLAT, "top_n": 2, "return_documents": True}, headers=_LITELLM),
    Recorded("litellm-infinity", "/rerank", {**_FLAT, "top_n": 2, "return_documents": True}, headers=_LITELLM),
    Recorded("litellm-voyage", "/v1/rerank", {**_FLAT, "top_k": 2, "return_documents": True}, DATA),
    Recorded("litellm-voyage-all", "/v1/rerank", {**_FLAT, "return_documents": True}, DATA, 4),
    Recorded(
        "litellm-huggingface",
        "/rerank",
        {
            "raw_scores": False,
            "truncate": False,
            "truncation_direction": "Right",
            "query": Q,
            "top_n": 2,
            "texts": D,
            "return_text": True,
        },
        array,
        4,
    ),
    Recorded("tei-haystack", "/rerank", {"query": Q, "texts": D, "raw_scores": False}, array, 4),
    Recorded("tei-llamaindex", "/rerank", {"query": Q, "texts": D}, array, 4),
    Recorded(
        "rerankers-tei", "/rerank", {"model": "m", "query": Q, "texts": D, "top_n": 4, "return_text": True}, array, 4
    ),
    Recorded(
        "infinity",
        "/rerank",
        {"query": Q, "documents": D, "return_documents": True, "raw_scores": False, "model": "default/not-specified"},
        rows=4,
    ),
    Recorded(
        "mixedbread",
        "/v1/reranking",
        {"model": "m", "query": Q, "input": D, "top_k": 2, "return_input": True},
        results("score", "data"),
    ),
    Recorded(
        "pinecone",
        "/rerank",
        {**_FLAT, "documents": _TEXT, "rank_fields": ["text"], "return_documents": True, "top_n": 2},
        results("score", "data"),
        headers={"Api-Key": "k", "X-Pinecone-API-Version": "2026-07"},
    ),
    Recorded(
        "nim",
        "/v1/ranking",
        {"model": "m", "query": {"text": Q}, "passages": _TEXT, "truncate": "END"},
        results("logit", "rankings"),
        4,
    ),
    Recorded(
        "litellm-nim",
        "/v1/retrieval/nvidia/some-model/reranking",
        {"query": {"text": Q}, "passages": _TEXT, "top_k": 2},
        results("logit", "rankings"),
    ),
    Recorded(
        "dashscope",
        "/api/v1/services/rerank/text-rerank/text-rerank",
        {
            "model": "gte-rerank",
            "parameters": {"return_documents": True, "top_n": 2, "instruct": "Prefer atlases."},
            "input": {"query": Q, "documents": D},
        },
        lambda body: results()(body["output"]),
    ),
    Recorded("litellm-dashscope", "/v1/reranks", {**_FLAT, "top_n": 2}),
    Recorded(
        "bedrock",
        "/rerank",
        {
            "queries": [{"type": "TEXT", "textQuery": {"text": Q}}],
            "sources": [
                {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}}
                for text in D
            ],
            "rerankingConfiguration": {
                "type": "BEDROCK_RERANKING_MODEL",
                "bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": "arn"}, "numberOfResults": 2},
            },
        },
        results("relevanceScore"),
    ),
    Recorded(
        "google",
        "/v1/projects/p/locations/global/rankingConfigs/default_ranking_config:rank?$alt=json;enum-encoding=int",
        {
            "model": "m",
            "topN": 2,
            "query": Q,
            "records": [{"id": str(at), "content": text} for at, text in enumerate(D)],
        },
        records,
    ),
    Recorded(
        "xinference",
        "/v1/rerank",
        {**_FLAT, "top_n": 2, "max_chunks_per_doc": None, "return_documents": True, "return_len": None},
    ),
    Recorded(
        "isaacus",
        "/v1/rerankings",
        {"model": "m", "query": Q, "texts": D, "top_n": 2, "return_documents": True},
        results("score"),
    ),
    Recorded("zeroentropy", "/v1/models/rerank", {**_FLAT, "top_n": 2}),
    Recorded("vllm-score", "/v1/score", {"model": "m", "text_1": Q, "text_2": D}, in_order, 4),
    Recorded("vllm-score-pairs", "/score", {"queries": [Q] * 4, "documents": D}, in_order, 4),
    Recorded("deepinfra", "/inference/Qwen/Qwen3-Reranker", {"queries": [Q] * 4, "documents": D}, scores, 4),
    Recorded("fireworks", "/inference/v1/rerank", {**_FLAT, "top_n": 2}, DATA),
    Recorded("llamacpp", "/v1/reranking", {"query": Q, "documents": D, "top_n": 2}),
    Recorded("azure", "/providers/cohere/v2/rerank", {**_FLAT, "top_n": 2}, headers={"api-key": "k"}),
    Recorded("dify", "/rerank", {**_FLAT, "top_n": None, "return_documents": True}, rows=4),
    Recorded("n8n", "/v1/rerank", {**_FLAT, "top_n": 10}, rows=4),
    Recorded("open-webui", "/v1/rerank", {**_FLAT, "model": "reranker", "top_n": 4}, rows=4),
)
