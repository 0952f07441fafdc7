"""What authors publish of their models' scores, computed by us with the real weights: `pytest -m hub`.

Needs the network, and for the largest models 16 GB of memory; `-k MiniLM` takes one. Texts and numbers are those of the
page that each row names. The tolerance follows from how they were computed there: fp32 to the digits that are printed,
fp16 to 0.02, bf16 to 0.1, which is two of its steps at 12.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import secondpass
from secondpass.backends.network import Network
from secondpass.models.files import resolve
from secondpass.text.encode import TextEncoder

pytestmark = pytest.mark.hub

FP32, FP16, BF16 = 0.005, 0.02, 0.1
BERLIN = "How many people live in Berlin?"
PANDA = (
    "The giant panda (Ailuropoda melanoleuca), sometimes called a panda bear or simply panda, is a bear species "
    "endemic to China."
)
APPLE = "Apple Inc. was founded in Cupertino, California in 1976 by Steve Jobs, Steve Wozniak, and Ronald Wayne."
SKINCARE = (
    "Organic skincare for sensitive skin with aloe vera and chamomile.",
    "New makeup trends focus on bold colors and innovative techniques",
    "Bio-Hautpflege für empfindliche Haut mit Aloe Vera und Kamille",
    "Neue Make-up-Trends setzen auf kräftige Farben und innovative Techniken",
    "Cuidado de la piel orgánico para piel sensible con aloe vera y manzanilla",
    "Las nuevas tendencias de maquillaje se centran en colores vivos y técnicas innovadoras",
    "针对敏感肌专门设计的天然有机护肤产品",
    "新的化妆趋势注重鲜艳的颜色和创新的技巧",
    "敏感肌のために特別に設計された天然有機スキンケア製品",
    "新しいメイクのトレンドは鮮やかな色と革新的な技術に焦点を当てています",
)


@dataclass(frozen=True, slots=True)
class Published:
    """One list of numbers: the model, the pairs, and what they are, logits or `scores`; and where that stands."""

    model: str
    pairs: Sequence[tuple[str, str]]
    numbers: Sequence[float]
    tolerance: float
    source: str
    scores: bool = False
    instruction: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def asked(query: str, *documents: str) -> list[tuple[str, str]]:
    return [(query, document) for document in documents]


PUBLISHED = (
    Published(
        "cross-encoder/ms-marco-MiniLM-L6-v2",
        asked(
            BERLIN,
            "Berlin had a population of 3,520,031 in 2019.",
            "Berlin is well known for its museums.",
            "Berlin had a population of 3,520,031 registered inhabitants in an area of 891.82 square kilometers.",
        ),
        (8.40307, -4.3200774, 8.607138),
        FP32,
        "sentence-transformers 6.2.0, CrossEncoder and docs/cross_encoder/pretrained_models.md",
    ),
    Published(
        "cross-encoder/ettin-reranker-32m-v1",
        asked(
            "Where was Apple founded?",
            APPLE,
            "The Fuji apple is an apple cultivar developed in the late 1930s and brought to market in 1962.",
        ),
        (11.393298, 2.968891),
        FP32,
        "huggingface.co/blog/ettin-reranker",
    ),
    Published(
        "cross-encoder/ettin-reranker-32m-v1",
        asked(
            "Which planet is known as the Red Planet?",
            "Venus is often called Earth's twin because of its similar size and proximity.",
            "Mars, known for its reddish appearance, is often referred to as the Red Planet.",
            "Jupiter, the largest planet in our solar system, has a prominent red spot.",
            "Saturn, famous for its rings, is sometimes mistaken for the Red Planet.",
        ),
        (6.21, 10.82, 8.55, 9.86),
        0.01,
        "huggingface.co/blog/ettin-reranker",
    ),
    Published(
        "cross-encoder/ettin-reranker-68m-v1",
        asked(
            "Where was Apple founded?",
            APPLE,
            "The Fuji apple is an apple cultivar developed in the late 1930s.",
            "Steve Jobs introduced the iPhone in 2007 at Macworld.",
            "Macintosh computers were sold by Apple from 1984 onward.",
        ),
        (11.63, 1.96, 4.71, 1.49),
        0.01,
        "huggingface.co/blog/ettin-reranker",
    ),
    Published(
        "BAAI/bge-reranker-large",
        asked("what is panda?", "hi", PANDA),
        (-5.60546875, 5.76171875),
        FP16,
        "its model card",
    ),
    Published(
        "BAAI/bge-reranker-v2-m3",
        [("query", "passage"), *asked("what is panda?", "hi", PANDA)],
        (-5.65234375, -8.1875, 5.26171875),
        FP16,
        "its model card",
    ),
    Published(
        "jinaai/jina-reranker-v2-base-multilingual",
        asked("Organic skincare products for sensitive skin", *SKINCARE),
        (0.8311431, 0.0940102, 0.6334103, 0.0826973, 0.7620701, 0.0994702, 0.9263037, 0.0583458, 0.8418256, 0.1112412),
        0.01,
        "its model card: compute_score, on a GPU in bf16",
        scores=True,
    ),
    Published(
        "Alibaba-NLP/gte-multilingual-reranker-base",
        [
            ("中国的首都在哪儿", "北京"),
            ("what is the capital of China?", "北京"),
            ("how to implement quick sort in python?", "Introduction of quick sort"),
        ],
        (1.2315, 0.5923, 0.3041),
        FP16,
        "its model card",
    ),
    Published(
        "ContextualAI/ctxl-rerank-v2-instruct-multilingual-6b",
        asked(
            "What are the health benefits of exercise?",
            "Regular exercise reduces risk of heart disease and improves mental health.",
            "A 2024 study shows exercise enhances cognitive function in older adults.",
            "Ancient Greeks valued physical fitness for military training.",
        ),
        (-4.6875, -2.2969, -12.375),
        BF16,
        "its model card",
        instruction="Prioritize recent medical research",
        options={"precision": "bf16"},
    ),
    Published(
        "zeroentropy/zerank-2",
        asked("What is 2+2?", "4", "The answer is definitely 1 million"),
        (5.4062, -4.5),
        BF16,
        "its model card",
        options={"precision": "bf16"},
    ),
)


def loaded(name: str, **options: Any) -> secondpass.Reranker:
    """The model in fp32, unless told otherwise; its licence and its standing are not what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", secondpass.LicenceWarning)
        warnings.simplefilter("ignore", secondpass.UnverifiedWarning)
        return secondpass.load(name, **{"precision": "fp32", **options})


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row.model}-{len(row.pairs)}")
def test_the_numbers_are_those_that_are_published(row: Published) -> None:
    with loaded(row.model, **row.options) as reranker:
        as_it_is: Any = None if row.scores else lambda logits: logits
        found = reranker.predict(row.pairs, prompt=row.instruction, activation_fn=as_it_is)
    np.testing.assert_allclose(found, row.numbers, atol=row.tolerance, rtol=0, err_msg=row.source)


def test_transformers_own_gte_gives_the_logits_that_its_test_expects() -> None:
    """Of single texts, as in transformers' tests/models/gte/test_modeling_gte.py; to 0.001 as there."""
    from secondpass.backends.torch.backend import TorchBackend

    checkpoint = resolve("alibaba-nlp-community/gte-multilingual-reranker-base", readable=("safetensors",))
    graph = TorchBackend(device="cpu", precision="fp32").load(checkpoint.graph, Network())
    encoder = TextEncoder.from_file(checkpoint.tokenizer)
    texts = ["Plants create oxygen.", "Photosynthesis is a process where plants create oxygen."]
    rows = [[0, *ids, 2] for ids in encoder.ids(texts)]  # <s> and </s>
    found = [float(graph.run(_alone(row))["logits"][0, 0]) for row in rows]
    graph.close()
    np.testing.assert_allclose(found, [0.2428, 0.5710], atol=1e-3)


def _alone(row: Sequence[int]) -> dict[str, NDArray[np.int64]]:
    ids = np.array([row], dtype=np.int64)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


@pytest.mark.parametrize(
    "name", ["cross-encoder/ms-marco-MiniLM-L6-v2", "BAAI/bge-reranker-v2-m3", "Qwen/Qwen3-Reranker-0.6B"]
)
def test_paris_is_above_london_for_the_capital_of_france(name: str) -> None:
    documents = ["The capital of the United Kingdom is London.", "The capital of France is Paris."]
    with loaded(name) as reranker:
        ranking = reranker.rank("What is the capital of France?", documents)
    assert [hit.index for hit in ranking] == [1, 0]
