"""The services themselves, where a key (or a server's URL) is in the environment. A test costs a fraction of a cent."""

from __future__ import annotations

import pytest

from secondpass import hosted
from secondpass.ranking.reranker import Reranker

MODELS = {
    "cohere": "rerank-v3.5",
    "cohere-v1": "rerank-v3.5",
    "contextual": "ctxl-rerank-v2-instruct-multilingual",
    "dashscope": "gte-rerank-v2",
    "deepinfra": "Qwen/Qwen3-Reranker-0.6B",
    "fireworks": "fireworks/qwen3-reranker-8b",
    "isaacus": "kanon-universal-classifier",
    "jina": "jina-reranker-v2-base-multilingual",
    "mixedbread": "mixedbread-ai/mxbai-rerank-large-v2",
    "nvidia": "nvidia/llama-3.2-nv-rerankqa-1b-v2",
    "pinecone": "bge-reranker-v2-m3",
    "siliconflow": "BAAI/bge-reranker-v2-m3",
    "together": "Salesforce/Llama-Rank-V1",
    "voyage": "rerank-2.5",
    "zeroentropy": "zerank-1",
}
SERVERS = {"infinity": "", "llamacpp": "", "secondpass": "", "tei": "", "vllm": "", "vllm-score": ""}


def variables(name: str) -> tuple[str, ...]:
    """What has to be set: a key, or for a server of one's own its URL."""
    return (
        (f"{name.upper().replace('-', '_')}_BASE_URL",)
        if name in SERVERS
        else hosted.provider_named(name).key_variables
    )


@pytest.mark.parametrize(
    ("name", "model"),
    [
        pytest.param(name, model, marks=pytest.mark.live(*variables(name)))
        for name, model in {**MODELS, **SERVERS}.items()
    ],
)
def test_the_service_finds_the_document_that_answers(name: str, model: str) -> None:
    scorer = hosted.open(f"{name}:{model}")
    with Reranker(scorer) as reranker:
        ranking = reranker.rank(
            "What is the capital of France?",
            ["Madrid is the capital of Spain.", "", "Paris is the capital of France.", "Pandas eat bamboo."],
        )
    assert ranking[0].index == 2
    assert len(ranking) == 4
    assert scorer.usage.requests == 1
