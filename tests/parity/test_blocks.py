"""jina-reranker-v3 against a second writing of its `rerank`, on tiny checkpoints: 1e-4 in fp32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="torch is not installed")

import torch

from secondpass.backends.torch.backend import TorchBackend
from secondpass.errors import UnverifiedWarning
from secondpass.models.blocks import BlockModel, Sizes, network
from secondpass.models.files import Checkpoint
from secondpass.models.load import load_scorer
from secondpass.models.recipe import read_json
from secondpass.text.encode import Limits
from tests import blocks, decoders
from tests.parity.record import SPECIFICATION, Parity

QUERY = "who wrote the book of the river?"
INSTRUCTION = "prefer the newest document"
DOCUMENTS = (
    "the panda is a bear native to south central china.",
    "\n the river rises in the mountains and runs to the sea.\n",
    "",
    "a <|embed_token|> that somebody wrote into a document",
    "numbers such as 12, 1984 and 3.14 are exact; 東京 is a city. " * 3,
    "the sea",
    "who is the bear?",
)
REFERENCE = Limits(truncation="reference")
SMALL = Sizes(block=3, query=6, document=20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return blocks.write_blocks(tmp_path_factory.mktemp("jina"))


def load(folder: Path, sizes: Sizes | None = None) -> BlockModel:
    checkpoint = Checkpoint(folder.name, folder, folder / "model.safetensors", "fp32", "a test")
    told = network(read_json(folder / "config.json"))
    return BlockModel(checkpoint, TorchBackend(precision="fp32", device="cpu"), told, sizes=sizes)


@dataclass
class Restated:
    """What is published of `rerank`: one string a block, transformers' tokenizer, Qwen3 and the projector on it."""

    folder: Path
    sizes: Sizes = field(default_factory=Sizes)
    longest: int = 131072

    def __post_init__(self) -> None:
        from safetensors.torch import load_file
        from transformers import AutoConfig, AutoTokenizer, Qwen3Model

        untyped: Any = AutoTokenizer
        self.tokenizer = untyped.from_pretrained(self.folder)
        self.held = load_file(self.folder / "model.safetensors")
        config = AutoConfig.from_pretrained(self.folder, trust_remote_code=False)
        self.body: Any = Qwen3Model(config)
        self.body = self.body.train(False)
        self.body.load_state_dict(
            {name.removeprefix("model."): each for name, each in self.held.items() if name.startswith("model.")}
        )

    def rerank(self, query: str, documents: Sequence[str], instruction: str | None = None) -> NDArray[np.float64]:
        query, query_length = self.shortened(query, self.sizes.query)
        found, queries, weights = [], [], []
        for block in self.blocks(documents, query_length):
            vectors, asked = self.vectors(query, block, instruction)
            cosines = torch.nn.functional.cosine_similarity(vectors, asked[None], dim=-1)
            found.append(vectors)
            queries.append(asked)
            weights.append(float(((1 + cosines) / 2).max()))
        share = torch.tensor(weights)[:, None]
        mean = (torch.stack(queries) * share).sum(0) / share.sum()
        return torch.nn.functional.cosine_similarity(torch.cat(found), mean[None], dim=-1).double().numpy()

    def shortened(self, text: str, most: int) -> tuple[str, int]:
        ids = self.tokenizer(text, truncation=True, max_length=most)["input_ids"]
        return (self.tokenizer.decode(ids) if len(ids) >= most else text), len(ids)

    def blocks(self, documents: Sequence[str], query_length: int) -> list[list[str]]:
        found: list[list[str]] = [[]]
        free = self.longest - 2 * query_length
        for document in documents:
            text, length = self.shortened(document, self.sizes.document)
            found[-1].append(text)
            free -= length
            if len(found[-1]) >= self.sizes.block or free <= self.sizes.document:
                found.append([])
                free = self.longest - 2 * query_length
        return [block for block in found if block]

    def vectors(
        self, query: str, documents: Sequence[str], instruction: str | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ids = torch.tensor([self.tokenizer(prompt(query, documents, instruction))["input_ids"]])
        with torch.inference_mode():
            states = self.body(ids).last_hidden_state[0]
        hidden = torch.relu(states @ self.held["projector.0.weight"].T)
        projected = hidden @ self.held["projector.2.weight"].T
        marks = [self.tokenizer.convert_tokens_to_ids(name) for name in blocks.MARKS[1:]]
        documents_at, query_at = (ids[0] == mark for mark in marks)
        assert int(query_at.sum()) == 1
        return projected[documents_at], projected[query_at][0]


def prompt(query: str, documents: Sequence[str], instruction: str | None) -> str:
    query, *shown = (
        text.replace("<|embed_token|>", "").replace("<|rerank_token|>", "") for text in (query, *documents)
    )
    lines = [
        "<|im_start|>system\nYou are a search relevance expert who can determine a ranking of the passages based on "
        "how relevant they are to the query. If the query is a question, how relevant a passage is depends on how well "
        "it answers the question. If not, try to analyze the intent of the query and assess how well each passage "
        "satisfies the intent. If an instruction is provided, you should follow the instruction when determining the "
        "ranking.<|im_end|>",
        "<|im_start|>user",
        f"I will provide you with {len(shown)} passages, each indicated by a numerical identifier. Rank the passages "
        f"based on their relevance to query: {query}",
        *(["<instruct>", instruction, "</instruct>"] if instruction else []),
        *(f'<passage id="{place}">\n{text}<|embed_token|>\n</passage>' for place, text in enumerate(shown)),
        f"<query>\n{query}<|rerank_token|>\n</query><|im_end|>",
        "<|im_start|>assistant",
        "<think>\n\n</think>\n\n",
    ]
    return "\n".join(lines)


def difference(found: NDArray[np.floating[Any]], wanted: NDArray[np.float64]) -> float:
    assert np.ptp(found) > 0.01  # else the weights are such that nothing would show
    largest = float(np.abs(found - wanted).max())
    assert largest <= 1e-4
    return largest


@pytest.mark.parametrize("instruction", [None, INSTRUCTION])
def test_one_block(folder: Path, parity: Parity, instruction: str | None) -> None:
    with pytest.warns(UnverifiedWarning, match="was not run"):
        model = load_scorer(folder, precision="fp32", device="cpu")
    assert isinstance(model, BlockModel)
    found = model.score(QUERY, DOCUMENTS, instruction, REFERENCE)
    wanted = Restated(folder).rerank(QUERY, DOCUMENTS, instruction)
    parity.record("jina-reranker-v3", SPECIFICATION, "2026-11", difference(found.logits, wanted))
    assert not any(found.truncated)


def test_several_blocks_of_shortened_texts(folder: Path, parity: Parity) -> None:
    found = load(folder, SMALL).score(QUERY, DOCUMENTS, None, REFERENCE)
    wanted = Restated(folder, SMALL).rerank(QUERY, DOCUMENTS)
    largest = difference(found.logits, wanted)
    parity.record("jina-reranker-v3", SPECIFICATION, "2026-11", largest, checkpoint="tiny, several blocks")
    assert all(found.truncated)  # the query was cut, which all of them were read with


def test_a_block_is_closed_before_positions_run_out(tmp_path: Path) -> None:
    folder, sizes = blocks.write_blocks(tmp_path, longest=3000), Sizes(document=1000)
    documents = [f"the river {number} runs to the sea. " * 15 for number in range(12)]
    restated = Restated(folder, sizes, 3000)
    assert 1 < len(restated.blocks(documents, 12)) < 12
    found = load(folder, sizes).score(QUERY, documents, None, REFERENCE)
    difference(found.logits, restated.rerank(QUERY, documents))


def test_with_the_real_tokenizer_too(shared: Path, tmp_path: Path, parity: Parity) -> None:
    folder = blocks.write_blocks(tmp_path, tokenizer=decoders.real_qwen(shared))
    documents = [*DOCUMENTS, "\nZürich, São Paulo and Kraków 🐼" * 4]
    found = load(folder, SMALL).score(QUERY, documents, INSTRUCTION, REFERENCE)
    restated = Restated(folder, SMALL)
    assert [restated.tokenizer.convert_tokens_to_ids(name) for name in blocks.MARKS[1:]] == [151670, 151671]
    largest = difference(found.logits, restated.rerank(QUERY, documents, INSTRUCTION))
    parity.record("jina-reranker-v3", SPECIFICATION, "2026-11", largest, checkpoint="tiny, tokenizer qwen3")
