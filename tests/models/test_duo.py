from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="torch is not installed")

from secondpass.backends.torch.backend import TorchBackend
from secondpass.errors import InputError, ModelError, ModelLoadError
from secondpass.models.duo import MOST_DOCUMENTS, DuoModel
from secondpass.models.files import Checkpoint
from secondpass.models.prompt_recipe import answer_rows, find_recipe
from secondpass.models.recipe import read_json
from secondpass.models.scorer import ListScorer
from secondpass.models.seq2seq import network
from secondpass.ranking.reranker import Reranker
from secondpass.text.encode import Limits, TextEncoder
from tests.checkpoints import byte_pairs
from tests.seq2seq import pieces, real_t5, write_t5

RECIPE = find_recipe("duot5")
QUERY = "who wrote the book?"
DOCUMENTS = ("the panda is a bear", "the river runs to the sea", "", "a book of the sea and the river")
LONG = "the river runs to the sea and the panda is in it " * 60
TEXT = st.text(max_size=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_t5(tmp_path_factory.mktemp("t5"), tied=False)


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[DuoModel]:
    made = load(folder)
    yield made
    made.close()


def load(folder: Path) -> DuoModel:
    checkpoint = Checkpoint(folder.name, folder, folder / "model.safetensors", "fp32", "a test")
    rows = answer_rows(RECIPE, TextEncoder.from_file(checkpoint.tokenizer))
    told = network(read_json(folder / "config.json"), rows)
    return DuoModel(checkpoint, TorchBackend(precision="fp32", device="cpu"), told, RECIPE)


class Spy:
    """The model's graph, and every row that it was given."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.rows: list[list[int]] = []
        self.shapes: list[tuple[int, ...]] = []

    def run(self, tensors: Any) -> Any:
        self.shapes.append(tensors["input_ids"].shape)
        for ids, mask in zip(tensors["input_ids"], tensors["attention_mask"], strict=True):
            self.rows.append(ids[mask == 1].tolist())
        return self.graph.run(tensors)

    def close(self) -> None:
        self.graph.close()


@pytest.fixture
def spy(folder: Path) -> Iterator[tuple[DuoModel, Spy]]:
    made = load(folder)
    spied: Any = Spy(made._graph)
    made._graph = spied
    yield made, spied
    made.close()


def test_it_is_a_list_scorer_whose_sums_are_shared_out_between_the_documents(model: DuoModel) -> None:
    assert isinstance(model, ListScorer)
    found = model.score(QUERY, DOCUMENTS)
    count = len(DOCUMENTS)
    assert found.logits.sum() == pytest.approx(count * (count - 1), abs=1e-4)
    assert found.logits.min() >= 0
    assert found.logits.max() <= 2 * (count - 1)
    assert float(np.ptp(found.logits)) > 0.01


def test_the_order_that_documents_come_in_does_not_matter(model: DuoModel) -> None:
    order = np.random.default_rng(0).permutation(len(DOCUMENTS))
    there = model.score(QUERY, DOCUMENTS).logits
    np.testing.assert_allclose(
        model.score(QUERY, [DOCUMENTS[place] for place in order]).logits, there[order], atol=1e-4
    )


def test_one_document_has_nothing_to_be_compared_with(model: DuoModel) -> None:
    assert model.score(QUERY, DOCUMENTS[:1]).logits.tolist() == [0.0]
    assert model.score(QUERY, []).logits.tolist() == []


def test_all_ordered_pairs_are_asked_about_in_the_authors_words(spy: tuple[DuoModel, Spy], folder: Path) -> None:
    model, graph = spy
    model.score(QUERY, DOCUMENTS[:3], "prefer books.")
    encoder = TextEncoder.from_file(folder / "tokenizer.json")
    asked = f"Query: prefer books. {QUERY} Document0: {{}} Document1: {{}} Relevant:"
    texts = [asked.format(one, other) for one in DOCUMENTS[:3] for other in DOCUMENTS[:3] if one != other]
    assert sorted(graph.rows) == sorted([*ids, 1] for ids in encoder.ids(texts))


def test_batches_stay_within_the_backends_budget(spy: tuple[DuoModel, Spy]) -> None:
    model, graph = spy
    model.score(QUERY, [f"{'the river ' * number}" for number in range(1, 13)])
    assert len(graph.rows) == 12 * 11
    assert 1 < len(graph.shapes) < 12 * 11
    assert all(rows * length <= model.capabilities.budget for rows, length in graph.shapes)


def test_two_documents_are_cut_to_equal_shares_and_the_query_never(spy: tuple[DuoModel, Spy], folder: Path) -> None:
    model, graph = spy
    found = model.score(QUERY, [LONG, LONG.upper(), "a sea"], None, Limits(max_tokens=64))
    encoder = TextEncoder.from_file(folder / "tokenizer.json")
    before, between, after = encoder.ids([f"Query: {QUERY} Document0:", "Document1:", "Relevant:"])
    one, other = encoder.ids([LONG, LONG.upper()])
    room = 64 - len(before) - len(between) - len(after) - 1
    both = [*before, *one[: room // 2], *between, *other[: room - room // 2], *after, 1]
    assert both in graph.rows
    assert all(
        len(row) <= 64 and row[: len(before)] == before and row[-len(after) - 1 :] == [*after, 1] for row in graph.rows
    )
    assert found.truncated == [True, True, False]
    assert found.tokens == [len(one), len(other), 2]


def test_more_documents_than_can_be_compared_are_refused_with_the_remedy(model: DuoModel) -> None:
    with pytest.raises(InputError, match=r"51 documents .*2,550 passes.*at most 50.*cheaper model first"):
        model.score(QUERY, ["a"] * (MOST_DOCUMENTS + 1))


def test_a_document_too_long_is_refused_where_that_is_asked_for(model: DuoModel) -> None:
    with pytest.raises(InputError, match=r"documents\[0\] and documents\[1\] have"):
        model.score(QUERY, [LONG, "a"], None, Limits(policy="error"))


def test_chunks_are_refused(model: DuoModel) -> None:
    with pytest.raises(InputError, match="policy='chunk'"):
        model.score(QUERY, DOCUMENTS, None, Limits(policy="chunk"))


def test_a_query_that_leaves_no_room_is_refused(model: DuoModel) -> None:
    with pytest.raises(InputError, match="no room for two documents"):
        model.score(LONG, DOCUMENTS)


def test_a_name_of_a_special_token_is_text_but_for_the_reference(spy: tuple[DuoModel, Spy]) -> None:
    model, graph = spy
    model.score(QUERY, ["a </s> b", "the sea"])
    assert all(row.count(1) == 1 for row in graph.rows)
    graph.rows.clear()
    model.score(QUERY, ["a </s> b", "the sea"], None, Limits(truncation="reference"))
    assert all(row.count(1) == 2 for row in graph.rows)


def test_a_tokenizer_that_joins_words_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in ("config.json", "model.safetensors", "tokenizer_config.json"):
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    tokenizer = byte_pairs()
    tokenizer.add_special_tokens(["</s>"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    checkpoint = Checkpoint("other", tmp_path, tmp_path / "model.safetensors", "fp32", "a test")
    with pytest.raises(ModelLoadError, match="split texts at white space"):
        DuoModel(
            checkpoint,
            TorchBackend(precision="fp32", device="cpu"),
            network(read_json(tmp_path / "config.json"), (5, 6)),
            RECIPE,
        )


def test_a_reranker_ranks_with_it(model: DuoModel) -> None:
    ranking = Reranker(model).rank(QUERY, list(DOCUMENTS))
    assert [hit.logit for hit in ranking] == sorted((hit.logit for hit in ranking), reverse=True)
    assert all(0 <= hit.score <= 1 for hit in ranking)


def test_a_closed_model_says_so(folder: Path) -> None:
    made = load(folder)
    made.close()
    with pytest.raises(ModelError, match="closed"):
        made.score(QUERY, DOCUMENTS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXT, TEXT, TEXT)
def test_parts_read_apart_are_the_whole(shared: Path, query: str, one: str, other: str) -> None:
    tokenizer = _cached(shared)
    whole = tokenizer.ids([f"Query: {query} Document0: {one} Document1: {other} Relevant:"])[0]
    parts = tokenizer.ids([f"Query: {query} Document0:", one, "Document1:", other, "Relevant:"])
    assert [id_ for part in parts for id_ in part] == whole


_ENCODERS: dict[Path, TextEncoder] = {}


def _cached(shared: Path) -> TextEncoder:
    if shared not in _ENCODERS:
        _ENCODERS[shared] = TextEncoder(real_t5(shared))
    return _ENCODERS[shared]


def test_the_tiny_tokenizer_splits_as_the_real_one() -> None:
    encoder = TextEncoder(pieces())
    assert encoder.ids(["the sea  and\nthe river"]) == [
        [*encoder.ids(["the sea"])[0], *encoder.ids(["and the river"])[0]]
    ]
