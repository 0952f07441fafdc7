from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import Tokenizer

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

from secondpass.backends.base import PREFIX, Capabilities, Graph, Tensors
from secondpass.backends.network import Classifier, Network, Projection
from secondpass.backends.torch.backend import TorchBackend
from secondpass.errors import InputError, ModelError, ModelLoadError
from secondpass.models.files import Checkpoint
from secondpass.models.prompt import PromptModel
from secondpass.models.prompt_recipe import PromptRecipe, answer_rows, find_recipe
from secondpass.models.scorer import PairScorer, Piece, Reading, padded_length
from secondpass.text.encode import Limits, TextEncoder
from tests import decoders

QUERY = "who wrote the book?"
DOCUMENTS = ("the panda is a bear.", "a river", "", "numbers such as 12, 1984 and 3.14 are exact. " * 3)
OUTPUT = ("lm_head.weight", "model.embed_tokens.weight")
TAIL = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


class Watched:
    """A backend that notes what its graph is given."""

    def __init__(self) -> None:
        self.inner = TorchBackend(precision="fp32", device="cpu")
        self.given: list[Tensors] = []

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def load(self, path: Path, network: Network | None = None) -> Graph:
        self.graph = self.inner.load(path, network)
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.graph.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.graph.outputs

    def run(self, tensors: Tensors) -> dict[str, NDArray[np.float32]]:
        self.given.append(tensors)
        return self.graph.run(tensors)

    def close(self) -> None:
        self.graph.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decoders.write_decoder(tmp_path_factory.mktemp("qwen3"), "qwen3")


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return decoders.qwen()


@pytest.fixture(scope="session")
def model(folder: Path) -> PromptModel:
    return load(folder)


def load(folder: Path, recipe: PromptRecipe | str = "qwen3-reranker", backend: Watched | None = None) -> PromptModel:
    recipe = find_recipe(recipe) if isinstance(recipe, str) else recipe
    rows = answer_rows(recipe, TextEncoder.from_file(folder / "tokenizer.json"))
    return with_network(folder, recipe, Network(head=Projection(OUTPUT, rows=rows)), backend)


def with_network(folder: Path, recipe: PromptRecipe, network: Network, backend: Watched | None = None) -> PromptModel:
    checkpoint = Checkpoint(folder.name, folder, folder / "model.safetensors", "fp32", "the one that is there")
    return PromptModel(checkpoint, backend or Watched(), network, recipe)


def row(piece: Piece) -> list[int]:
    """All tokens that a piece stands for."""
    return [*piece.inputs.prefix.tolist(), *piece.inputs.own.tolist()]


def pieces(readings: Sequence[Reading]) -> list[Piece]:
    return [piece for reading in readings for piece in reading.pieces]


def encoded(tokenizer: Tokenizer, text: str) -> list[int]:
    found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return found


def test_it_is_a_pair_scorer_that_says_what_it_reads(model: PromptModel) -> None:
    assert isinstance(model, PairScorer)
    assert model.declared.max_tokens == decoders.MAX_TOKENS
    assert model.declared.instructions == "slot"
    assert model.declared.activation == "sigmoid"
    for part in ("model.safetensors", "prompt@1:qwen3-reranker-", "renderer@", "fp32"):
        assert part in model.declared.version
    assert model.capabilities.reason.endswith("the one that is there")


def test_another_prompt_is_another_version(folder: Path, model: PromptModel) -> None:
    other = replace(find_recipe("qwen3-reranker"), instruction="Find what answers.")
    assert load(folder, other).declared.version != model.declared.version


def test_a_document_alone_is_cut_and_the_prompts_end_stays(model: PromptModel, tokenizer: Tokenizer) -> None:
    (reading,) = model.read(QUERY, "prefer the newest", Limits(max_tokens=320))(["panda " * 400])
    (piece,) = reading.pieces
    assert reading.truncated
    assert len(row(piece)) == 320
    text = tokenizer.decode(row(piece), skip_special_tokens=False)
    assert f"<Instruct>: prefer the newest\n<Query>: {QUERY}\n<Document>: panda panda" in text
    assert row(piece)[-9:] == encoded(tokenizer, TAIL)[-9:]
    assert text.endswith(TAIL)


@settings(max_examples=40, deadline=None)
@given(words=st.integers(0, 300), room=st.integers(1, 60), policy=st.sampled_from(["truncate", "chunk"]))
def test_no_row_is_longer_than_asked_and_chunks_hold_the_whole_document(
    model: PromptModel, tokenizer: Tokenizer, words: int, room: int, policy: str
) -> None:
    (short,) = model.read(QUERY, None, Limits())([""])
    longest = len(row(short.pieces[0])) + room
    told = list(islice(cycle(decoders.WORDS), words))  # each of them one token
    text = " ".join(told) + "."
    limits = Limits(policy="chunk" if policy == "chunk" else "truncate", max_tokens=longest, overlap=2)
    (reading,) = model.read(QUERY, None, limits)([text])
    rows = [row(piece) for piece in reading.pieces]
    texts = [tokenizer.decode(ids, skip_special_tokens=False) for ids in rows]
    assert all(len(ids) <= longest for ids in rows)
    assert all(each.endswith(TAIL) and f"<Query>: {QUERY}\n<Document>:" in each for each in texts)
    assert reading.truncated == (policy == "truncate" and not texts[0].endswith(text + TAIL))
    if policy == "chunk":
        assert texts[-1].endswith("." + TAIL)
        read = "".join(each.partition("<Document>:")[2].removesuffix(TAIL) for each in texts).replace(".", "").split()
        assert set(read) == set(told)
        assert len(read) >= words


def test_policy_error_refuses_a_document_that_is_too_long(model: PromptModel) -> None:
    with pytest.raises(InputError, match="free for it"):
        model.read(QUERY, None, Limits(policy="error"))(["panda " * 1000])
    (reading,) = model.read(QUERY, None, Limits(policy="error"))(["panda"])
    assert not reading.truncated


def test_a_query_that_leaves_no_room_is_refused_with_its_length(model: PromptModel) -> None:
    with pytest.raises(InputError, match=r"has \d+ tokens and 512 are read, so none is left"):
        model.read("who " * 600, None, Limits())


def test_without_a_limit_the_recipes_is_taken_and_the_models_positions_hold_always(folder: Path) -> None:
    short = load(folder, replace(find_recipe("zerank"), max_tokens=64))
    assert lengths(short, Limits()) == [64]
    assert lengths(short, Limits(max_tokens=128)) == [128]
    assert lengths(short, Limits(max_tokens=10_000)) == [decoders.MAX_TOKENS]
    assert lengths(short, Limits(truncation="reference")) == [64]


def lengths(model: PromptModel, limits: Limits) -> list[int]:
    return [len(row(piece)) for piece in pieces(model.read(QUERY, None, limits)(["panda " * 600]))]


def test_the_authors_cut_takes_a_query_that_is_too_long_and_says_so(folder: Path) -> None:
    readings = load(folder, "mxbai-v2-base").read("who " * 300, None, Limits(truncation="reference", max_tokens=40))(
        ["a"]
    )
    assert readings[0].truncated


def test_an_instruction_goes_into_its_slot_or_else_before_the_query(folder: Path, tokenizer: Tokenizer) -> None:
    (own,) = pieces(load(folder).read(QUERY, "prefer the newest ", Limits())(["a"]))
    assert "<Instruct>: prefer the newest \n<Query>: who" in tokenizer.decode(row(own), skip_special_tokens=False)
    recipe = replace(find_recipe("zerank"), instructed=())
    joined = load(folder, recipe)
    (own,) = pieces(joined.read(QUERY, "prefer the newest ", Limits())(["a"]))
    assert f"\nprefer the newest {QUERY}<|im_end|>" in tokenizer.decode(row(own), skip_special_tokens=False)
    assert joined.declared.instructions == "joined"


@pytest.mark.parametrize("blank", [None, "", "  \n"])
def test_a_blank_instruction_is_the_recipes_own(model: PromptModel, blank: str | None) -> None:
    default = find_recipe("qwen3-reranker").instruction
    (found,), (wanted,) = (pieces(model.read(QUERY, each, Limits())(["a"])) for each in (blank, default))
    assert row(found) == row(wanted)


def test_what_all_documents_share_is_computed_once_a_query(folder: Path) -> None:
    watched = Watched()
    model = load(folder, backend=watched)
    readings = [each for query in (QUERY, "who is it?") for each in model.read(query, None, Limits())(DOCUMENTS)]
    watched.given.clear()
    model.logits(pieces(readings))
    assert [len(tensors["input_ids"]) for tensors in watched.given] == [len(DOCUMENTS), len(DOCUMENTS)]
    for tensors, own in zip(watched.given, (readings[: len(DOCUMENTS)], readings[len(DOCUMENTS) :]), strict=True):
        rows = [row(piece) for piece in pieces(own)]
        shared = tensors[PREFIX][0].tolist()
        assert len(shared) > 100
        assert all(ids[: len(shared)] == shared for ids in rows)
        assert tensors["attention_mask"].sum(1).tolist() == [len(ids) - len(shared) for ids in rows]


def test_a_prompt_with_the_document_first_shares_its_beginning_between_queries(folder: Path) -> None:
    watched = Watched()
    model = load(folder, "ctxl-v2", watched)
    readings = [each for query in (QUERY, "who is it?") for each in model.read(query, None, Limits())(DOCUMENTS)]
    watched.given.clear()
    model.logits(pieces(readings))
    assert [len(tensors["input_ids"]) for tensors in watched.given] == [2 * len(DOCUMENTS)]


def test_a_piece_costs_what_its_row_alone_costs(model: PromptModel) -> None:
    for piece in pieces(model.read(QUERY, None, Limits())(DOCUMENTS[:3])):
        assert piece.length == padded_length(len(piece.inputs.own))
        assert len(piece.inputs.own) < 80 < len(piece.inputs.prefix)


def test_a_classifier_has_everything_in_its_rows_and_padding_that_it_knows(tmp_path: Path) -> None:
    watched = Watched()
    recipe = find_recipe("qwen3-reranker-seq-cls")
    folder = decoders.write_decoder(tmp_path, "qwen3", labels=2)
    model = with_network(folder, recipe, Network(head=Classifier()), watched)
    assert model.declared.activation == "sigmoid"
    readings = model.read(QUERY, None, Limits())(DOCUMENTS)
    found = model.logits(pieces(readings))
    assert found.shape == (len(DOCUMENTS),)
    (tensors,) = watched.given[1:]
    assert tensors[PREFIX].shape == (1, 0)
    labels = watched.graph.run(tensors)["logits"]
    np.testing.assert_allclose(found, labels[:, 1] - labels[:, 0], atol=1e-5)


def test_more_labels_are_refused(tmp_path: Path) -> None:
    folder = decoders.write_decoder(tmp_path, "qwen3", labels=3)
    with pytest.raises(ModelLoadError, match="gives 3 labels a prompt"):
        with_network(folder, find_recipe("qwen3-reranker-seq-cls"), Network(head=Projection(("score.weight",))))


def test_tokens_are_the_documents_own(model: PromptModel, tokenizer: Tokenizer) -> None:
    (reading,) = model.read(QUERY, None, Limits())(["panda bear river"])
    assert reading.tokens == len(encoded(tokenizer, " panda bear river"))


def test_a_nan_stays_with_the_document_that_it_came_from(folder: Path, tmp_path: Path, tokenizer: Tokenizer) -> None:
    from safetensors.torch import load_file, save_file

    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    weights["model.embed_tokens.weight"][encoded(tokenizer, " panda")] = float("nan")
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    broken, whole = load(tmp_path), load(folder)
    found = broken.logits(pieces(broken.read(QUERY, None, Limits())(["a river", "panda", "the sea"])))
    wanted = whole.logits(pieces(whole.read(QUERY, None, Limits())(["a river", "panda", "the sea"])))
    assert np.isnan(found).tolist() == [False, True, False]
    np.testing.assert_allclose(found[[0, 2]], wanted[[0, 2]], atol=1e-4)


def test_no_pieces_have_no_logits(model: PromptModel) -> None:
    assert model.logits([]).shape == (0,)
    assert model.read(QUERY, None, Limits())([]) == []


def test_several_threads_may_ask_at_once(model: PromptModel) -> None:
    asked = pieces(model.read(QUERY, None, Limits())(DOCUMENTS))
    wanted = model.logits(asked)
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda _: model.logits(asked), range(4)):
            np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_what_is_asked_after_closing_is_refused(folder: Path) -> None:
    model = load(folder)
    asked = pieces(model.read(QUERY, None, Limits())(["a river"]))
    model.close()
    model.close()
    with pytest.raises(ModelError, match="closed"):
        model.logits(asked)


def test_spans_are_of_the_text_as_it_was_given(model: PromptModel) -> None:
    text = "\n  " + "The river runs to the sea. " * 60
    limits = Limits(policy="chunk", chunk_by="sentences", max_tokens=320, overlap=0)
    (reading,) = model.read(QUERY, None, limits)([text])
    assert len(reading.spans) == len(reading.pieces) > 1
    assert all(text[start:end].strip().startswith("The river") for start, end in reading.spans)
    assert all(text[start:end].rstrip().endswith("sea.") for start, end in reading.spans)
    assert text[: reading.spans[0][0]].strip() == ""
    (cut,) = model.read(QUERY, None, Limits(max_tokens=320))([text])
    assert cut.spans[0][1] == pytest.approx(reading.spans[0][1], abs=60)


def test_a_query_that_leaves_no_room_can_be_read_in_parts(model: PromptModel) -> None:
    parts = model.parts("a river? " * 400, Limits(query_policy="chunk", max_tokens=600))
    assert len(parts) > 1
    for part in parts:
        model.read(part, None, Limits(max_tokens=600))(["panda"])
