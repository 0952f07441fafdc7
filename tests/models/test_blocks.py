from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from secondpass.backends.base import MARKS
from secondpass.backends.torch.backend import TorchBackend
from secondpass.errors import InputError, ModelError, UntrainedHead
from secondpass.models.blocks import BlockModel, Sizes, network
from secondpass.models.files import Checkpoint
from secondpass.models.plan import plan
from secondpass.models.recipe import read_json
from secondpass.models.scorer import ListScorer
from secondpass.ranking.reranker import Reranker
from secondpass.text.encode import Limits, TextEncoder
from tests.blocks import write_blocks

QUERY = "who wrote the book?"
DOCUMENTS = ("the panda is a bear", "the river runs to the sea", "", "a book of the sea and the river")
LONG = "the river runs to the sea and the panda is in it " * 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_blocks(tmp_path_factory.mktemp("jina"))


@pytest.fixture
def model(folder: Path) -> Iterator[BlockModel]:
    made = load(folder)
    yield made
    made.close()


def load(folder: Path, sizes: Sizes | None = None) -> BlockModel:
    checkpoint = Checkpoint(folder.name, folder, folder / "model.safetensors", "fp32", "a test")
    told = network(read_json(folder / "config.json"))
    return BlockModel(checkpoint, TorchBackend(precision="fp32", device="cpu"), told, sizes=sizes)


class Spy:
    """A graph, and for each block how many tokens and documents it had."""

    def __init__(self, model: BlockModel) -> None:
        self.graph: Any = model._graph
        self.tokens: list[int] = []
        self.documents: list[int] = []
        spied: Any = self
        model._graph = spied

    def run(self, tensors: Any) -> Any:
        self.tokens.append(tensors["input_ids"].shape[1])
        self.documents.append(tensors[MARKS].shape[1] - 1)
        return self.graph.run(tensors)

    def close(self) -> None:
        self.graph.close()


class Given:
    """A graph that answers with vectors that a test has written down, block by block."""

    def __init__(self, *blocks: list[list[float]]) -> None:
        self.blocks = list(blocks)

    def run(self, tensors: Any) -> Any:
        return {"logits": np.array([self.blocks.pop(0)], dtype=np.float32)}

    def close(self) -> None:
        """Nothing is held."""


def test_the_architecture_alone_says_how_it_is_read(folder: Path) -> None:
    found = plan(folder, "./here")
    assert found.driver == "blocks"
    assert "JinaForRanking" in found.reason
    assert "was not run" in found.unverified
    with pytest.raises(InputError, match="cutoff_layers=2"):
        plan(folder, "./here", cutoff=2)


def test_logits_are_cosines_that_depend_on_the_other_documents(model: BlockModel) -> None:
    assert isinstance(model, ListScorer)
    assert (model.declared.instructions, model.declared.activation) == ("slot", "identity")
    found = model.score(QUERY, DOCUMENTS).logits
    assert all(-1 <= cosine <= 1 for cosine in found)
    assert abs(found[0] - model.score(QUERY, DOCUMENTS[:1]).logits[0]) > 1e-4


def test_an_instruction_goes_into_its_slot(model: BlockModel) -> None:
    plain = model.score(QUERY, DOCUMENTS).logits
    assert np.abs(model.score(QUERY, DOCUMENTS, "prefer books").logits - plain).max() > 1e-4
    np.testing.assert_array_equal(model.score(QUERY, DOCUMENTS, "  ").logits, plain)


def test_the_query_of_a_long_list_is_the_weighted_mean_over_its_blocks(folder: Path) -> None:
    model = load(folder, Sizes(block=2))
    given: Any = Given([[1, 0], [0, 2], [3, 0]], [[-1, 0], [1, 1]])
    model._graph = given
    found = model.score(QUERY, DOCUMENTS[:3]).logits
    # The best cosines are 1 and -1/√2, so the blocks weigh 1 and (1 - 1/√2) / 2.
    weight = (1 - 0.5**0.5) / 2
    x, y = 3 + weight, weight
    norm = (x * x + y * y) ** 0.5
    np.testing.assert_allclose(found, [x / norm, y / norm, -x / norm], atol=1e-6)


def test_vectors_of_nothing_give_a_number(folder: Path) -> None:
    model = load(folder, Sizes(block=1))
    given: Any = Given([[0, 0], [1, 0]], [[-1, 0], [1, 0]])
    model._graph = given
    np.testing.assert_allclose(model.score(QUERY, DOCUMENTS[:2]).logits, [0, -1])
    given.blocks = [[[-1.0, 0.0], [1.0, 0.0]]] * 2  # all of them opposite to the query: no block weighs anything
    np.testing.assert_allclose(model.score(QUERY, DOCUMENTS[:2]).logits, [-1, -1])


def test_blocks_have_at_most_so_many_documents(folder: Path) -> None:
    model = load(folder)
    spy = Spy(model)
    model.score(QUERY, ["a"] * 130)
    assert spy.documents == [125, 5]


def test_a_block_stays_within_max_tokens(folder: Path) -> None:
    model = load(folder)
    spy = Spy(model)
    model.score(QUERY, [*DOCUMENTS, LONG, *DOCUMENTS], None, Limits(max_tokens=700))
    assert sum(spy.documents) == 9
    assert len(spy.documents) > 1
    assert max(spy.tokens) <= 700


def test_documents_are_cut_and_the_query_never(folder: Path) -> None:
    model = load(folder, Sizes(query=8, document=16))
    found = model.score(LONG, [LONG, "a sea"])
    assert found.truncated == [True, False]
    assert found.tokens == [len(TextEncoder.from_file(folder / "tokenizer.json").ids([LONG])[0]), 2]
    short = " ".join(LONG.split()[:16])
    np.testing.assert_allclose(found.logits, model.score(LONG, [short, "a sea"]).logits, atol=1e-6)


def test_the_reference_cuts_the_query_too_and_says_so_of_all(folder: Path) -> None:
    model = load(folder, Sizes(query=8))
    found = model.score(LONG, DOCUMENTS, None, Limits(truncation="reference"))
    assert all(found.truncated)
    short = TextEncoder.from_file(folder / "tokenizer.json").beginning(LONG, 8)
    assert LONG.startswith(short)
    np.testing.assert_allclose(found.logits, model.score(short, DOCUMENTS).logits, atol=1e-6)
    less = model.score(LONG, DOCUMENTS, None, Limits(truncation="reference", max_query_tokens=9))
    assert np.abs(less.logits - found.logits).max() > 1e-5


def test_a_mark_in_a_text_is_left_out(model: BlockModel) -> None:
    forged = model.score(
        "who <|rerank_token|>wrote", ["the <|embed_token|>sea", "a <|embed<|embed_token|>_token|>bear"]
    )
    plain = model.score("who wrote", ["the sea", "a bear"])
    np.testing.assert_allclose(forged.logits, plain.logits, atol=1e-6)


def test_a_document_too_long_is_refused_where_that_is_asked_for(folder: Path) -> None:
    with pytest.raises(InputError, match="16 are free"):
        load(folder, Sizes(document=16)).score(QUERY, [LONG], None, Limits(policy="error"))


def test_chunks_are_refused(model: BlockModel) -> None:
    with pytest.raises(InputError, match="policy='chunk'"):
        model.score(QUERY, DOCUMENTS, None, Limits(policy="chunk"))


def test_a_query_that_leaves_no_room_is_refused(model: BlockModel) -> None:
    with pytest.raises(InputError, match="none is left for a document"):
        model.score(LONG, DOCUMENTS, None, Limits(max_tokens=600))


def test_no_documents_have_no_logits(model: BlockModel) -> None:
    assert model.score(QUERY, []).logits.shape == (0,)


def test_a_projector_that_is_missing_is_refused(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    held = {n: each for n, each in load_file(folder / "model.safetensors").items() if not n.startswith("projector.2")}
    save_file(held, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UntrainedHead, match=r"projector\.2\.weight"):
        load(tmp_path)


def test_a_reranker_ranks_with_it(model: BlockModel) -> None:
    ranking = Reranker(model).rank(QUERY, list(DOCUMENTS), instruction="prefer books")
    assert [hit.logit for hit in ranking] == sorted((hit.logit for hit in ranking), reverse=True)
    assert all(0 <= hit.score <= 1 for hit in ranking)


def test_a_closed_model_says_so(folder: Path) -> None:
    made = load(folder)
    made.close()
    with pytest.raises(ModelError, match="closed"):
        made.score(QUERY, DOCUMENTS)


def test_its_sizes_are_in_its_version(folder: Path) -> None:
    assert "125/512/2048" in load(folder).declared.version
    assert load(folder, Sizes(query=3072)).declared.version != load(folder).declared.version
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["auto_map"]  # and none of it was run
