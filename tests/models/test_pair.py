from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import Tokenizer

from secondpass.backends.base import Capabilities, Graph, Tensors
from secondpass.backends.network import Network
from secondpass.backends.onnx import OnnxBackend
from secondpass.errors import InputError, ModelError, ModelLoadError, UntrainedHead
from secondpass.models.files import resolve
from secondpass.models.pair import PairModel, join
from secondpass.models.scorer import Piece, padded_length
from secondpass.text.encode import Limits
from tests import checkpoints
from tests.checkpoints import load_pair

QUERY = "who wrote the book?"
DOCUMENTS = (
    "the panda is a bear native to south central china.",
    "a river",
    "",
    "numbers such as 12, 1984 and 3.14 are exact. " * 3,
)
TOKENIZERS = (
    checkpoints.word_piece,
    checkpoints.unigram_xlm,
    checkpoints.unigram_deberta,
    checkpoints.byte_pairs,
)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return checkpoints.word_piece()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> PairModel:
    folder = checkpoints.write_weigher(tmp_path_factory.mktemp("weigher"), tokenizer)
    return load_pair(folder, backend="onnxruntime", precision="fp32", streams=1)


def logits(model: PairModel, documents: Sequence[str], limits: Limits, query: str = QUERY) -> NDArray[np.float32]:
    readings = model.read(query, None, limits)(documents)
    return model.logits([piece for reading in readings for piece in reading.pieces])


def expected(tokenizer: Tokenizer, query: str, document: str, longest: int | None = None) -> float:
    """What the tokenizer itself makes of the pair, weighed by hand, the longer text cut first where it is too long."""
    own = Tokenizer.from_str(tokenizer.to_str())
    if longest is not None:
        own.enable_truncation(longest, strategy="longest_first")
    pair = own.encode(query, document)
    return checkpoints.weigh(pair.ids, pair.type_ids, vocabulary=own.get_vocab_size())


@pytest.mark.parametrize("make", TOKENIZERS)
def test_a_pair_is_laid_out_as_its_own_tokenizer_lays_it_out(make: Callable[[], Tokenizer], tmp_path: Path) -> None:
    tokenizer = make()
    folder = checkpoints.write_weigher(tmp_path, tokenizer, config={"max_position_embeddings": 512})
    model = load_pair(folder, backend="onnxruntime", streams=1)
    found = logits(model, DOCUMENTS, Limits())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [expected(tokenizer, QUERY, each) for each in DOCUMENTS], atol=1e-3)


def test_only_the_document_is_cut(model: PairModel, tokenizer: Tokenizer) -> None:
    (reading,) = model.read(QUERY, None, Limits(max_tokens=16))(["panda " * 40])
    (piece,) = reading.pieces
    query = tokenizer.encode(QUERY, add_special_tokens=False).ids
    assert piece.inputs.head.tolist() == [2, *query, 3]
    assert len(piece.inputs) + 1 == 16
    assert reading.truncated
    assert reading.tokens == len(tokenizer.encode("panda " * 40, add_special_tokens=False).ids)


def test_what_fits_is_not_called_truncated(model: PairModel) -> None:
    (reading,) = model.read(QUERY, None, Limits())(["a river"])
    assert not reading.truncated
    assert len(reading.pieces) == 1


@settings(max_examples=60, deadline=None)
@given(query_words=st.integers(1, 60), document_words=st.integers(0, 60))
def test_reference_truncation_cuts_as_the_tokenizers_library_does(
    model: PairModel, tokenizer: Tokenizer, query_words: int, document_words: int
) -> None:
    query = " ".join(islice(cycle(("who", "panda", "river", "12")), query_words))
    document = " ".join(islice(cycle(("sea", "book", "the", "1984", "a")), document_words))
    found = logits(model, [document], Limits(truncation="reference", max_tokens=32), query=query)
    np.testing.assert_allclose(found, [expected(tokenizer, query, document, 32)], atol=1e-3)


def test_reference_truncation_reports_a_query_that_was_cut(model: PairModel) -> None:
    (reading,) = model.read("who " * 100, None, Limits(truncation="reference"))(["sea"])
    assert reading.truncated


def test_every_chunk_has_the_whole_query_and_together_they_cover_the_document(model: PairModel) -> None:
    text = "numbers such as 12, 1984 and 3.14 are exact. " * 20
    (reading,) = model.read(QUERY, None, Limits(policy="chunk", overlap=4, max_tokens=32))([text])
    assert len(reading.pieces) > 2
    assert not reading.truncated
    heads = {tuple(piece.inputs.head.tolist()) for piece in reading.pieces}
    assert len(heads) == 1
    assert all(len(piece.inputs) + 1 <= 32 for piece in reading.pieces)
    (whole,) = model.read(QUERY, None, Limits(policy="chunk"))([text])
    assert whole.tokens == reading.tokens
    assert reading.pieces[-1].inputs.document.tolist()[-5:] == whole.pieces[-1].inputs.document.tolist()[-5:]


def test_policy_error_refuses_a_document_that_is_too_long(model: PairModel) -> None:
    with pytest.raises(InputError, match="free for it"):
        model.read(QUERY, None, Limits(policy="error"))(["panda " * 100])


def test_a_query_that_leaves_no_room_is_refused_with_its_length(model: PairModel, tokenizer: Tokenizer) -> None:
    query = "who " * 80
    length = len(tokenizer.encode(query, add_special_tokens=False).ids)
    with pytest.raises(InputError, match=f'has {length} tokens and the model reads 64.*truncation="reference"'):
        model.read(query, None, Limits())


def test_a_query_that_leaves_room_for_one_token_is_read(model: PairModel, tokenizer: Tokenizer) -> None:
    query = " ".join(["who"] * 60)
    assert len(tokenizer.encode(query).ids) == 62
    (reading,) = model.read(query, None, Limits())(["river sea"])
    assert len(reading.pieces[0].inputs.document) == 1


def test_max_tokens_cannot_exceed_what_the_model_reads(model: PairModel) -> None:
    (reading,) = model.read(QUERY, None, Limits(max_tokens=4096))(["panda " * 200])
    assert len(reading.pieces[0].inputs) + 1 == checkpoints.MAX_TOKENS


def test_an_instruction_stands_before_the_query_with_one_space(model: PairModel) -> None:
    read = Limits()
    (found,) = model.read(QUERY, "prefer the newest source ", read)(["a river"])
    (spelled,) = model.read(f"prefer the newest source {QUERY}", None, read)(["a river"])
    assert found.pieces[0].inputs.head.tolist() == spelled.pieces[0].inputs.head.tolist()
    assert model.declared.instructions == "joined"


@pytest.mark.parametrize("blank", [None, "", "  \n"])
def test_a_blank_instruction_is_none(blank: str | None) -> None:
    assert join(blank, QUERY) == QUERY


def test_a_logit_does_not_depend_on_its_neighbours(model: PairModel) -> None:
    giant = "numbers such as 12 are exact. " * 30
    readings = model.read(QUERY, None, Limits())([*DOCUMENTS, giant])
    pieces = [piece for reading in readings for piece in reading.pieces]
    together = model.logits(pieces)
    alone = np.concatenate([model.logits([piece]) for piece in pieces])
    order = np.random.default_rng(0).permutation(len(pieces))
    shuffled = model.logits([pieces[each] for each in order])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_allclose(together[order], shuffled, atol=1e-4)


def test_no_pieces_have_no_logits(model: PairModel) -> None:
    assert model.logits([]).shape == (0,)


def test_several_threads_may_ask_at_once(model: PairModel) -> None:
    pieces = [piece for reading in model.read(QUERY, None, Limits())(DOCUMENTS * 8) for piece in reading.pieces]
    wanted = model.logits(pieces)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: model.logits(pieces), range(16)):
            np.testing.assert_array_equal(found, wanted)


class Watched:
    """A backend that notes the shapes which its graph is given."""

    def __init__(self) -> None:
        self.inner = OnnxBackend(1)
        self.shapes: list[tuple[int, ...]] = []
        self.ids: NDArray[np.generic] = np.zeros(0)

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def load(self, path: Path, network: Network | None = None) -> Graph:
        self.graph = self.inner.load(path)
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.graph.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.graph.outputs

    def run(self, tensors: Tensors) -> dict[str, NDArray[np.float32]]:
        self.ids = tensors["input_ids"]
        self.shapes.append(self.ids.shape)
        return self.graph.run(tensors)

    def close(self) -> None:
        self.graph.close()


@pytest.mark.parametrize(("longest", "words", "padded"), [(64, 1, 16), (64, 20, 32), (61, 300, 61), (64, 300, 64)])
def test_batches_are_padded_to_a_multiple_of_8_that_the_model_has_positions_for(
    tokenizer: Tokenizer, tmp_path: Path, longest: int, words: int, padded: int
) -> None:
    config = {"max_position_embeddings": longest, "pad_token_id": 4}
    watched = Watched()
    model = PairModel(resolve(checkpoints.write_weigher(tmp_path, tokenizer, config=config)), watched)
    (reading,) = model.read(QUERY, None, Limits())(["river " * words])
    assert reading.pieces[0].length == padded_length(len(reading.pieces[0].inputs) + 1)
    model.logits(reading.pieces)
    assert watched.shapes[-1] == (1, padded)
    length = len(reading.pieces[0].inputs) + 1
    assert watched.ids[0, length:].tolist() == [4] * (padded - length)


def test_two_labels_give_the_log_odds_of_the_second(tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = checkpoints.write_weigher(tmp_path, tokenizer, labels=2)
    model = load_pair(folder, backend="onnxruntime")
    found = logits(model, ["a river"], Limits())
    first = expected(tokenizer, QUERY, "a river")
    assert found[0] == pytest.approx(2 * first - first, abs=1e-4)
    assert model.declared.activation == "sigmoid"


def test_more_labels_are_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="gives 3 labels"):
        load_pair(checkpoints.write_weigher(tmp_path, tokenizer, labels=3))


@pytest.mark.parametrize("architecture", ["BertModel", "BertForMaskedLM", "XLMRobertaForTokenClassification"])
def test_an_architecture_without_a_head_is_refused_by_name(
    tokenizer: Tokenizer, tmp_path: Path, architecture: str
) -> None:
    folder = checkpoints.write_weigher(tmp_path, tokenizer, config={"architectures": [architecture]})
    with pytest.raises(UntrainedHead, match=f"{architecture}.*ForSequenceClassification"):
        load_pair(folder)


def test_a_graph_without_logits_is_refused_whatever_config_says(tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = checkpoints.write_weigher(tmp_path, tokenizer, output="last_hidden_state")
    with pytest.raises(UntrainedHead, match="gives last_hidden_state"):
        load_pair(folder)


def test_a_head_in_modules_of_its_own_is_named(tokenizer: Tokenizer, tmp_path: Path) -> None:
    config = {"architectures": ["ModernBertModel"]}
    folder = checkpoints.write_weigher(tmp_path, tokenizer, config=config, output="last_hidden_state")
    chain = ["Transformer", "Pooling", "Dense", "LayerNorm", "Dense"]
    modules = [{"idx": place, "type": f"sentence_transformers.base.modules.{name}"} for place, name in enumerate(chain)]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    with pytest.raises(ModelLoadError, match="modules Dense, Dense"):
        load_pair(folder)


def test_a_graph_with_an_input_that_nobody_gives_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = checkpoints.write_weigher(tmp_path, tokenizer, inputs=(*checkpoints.INPUTS, "pixel_values"))
    with pytest.raises(ModelLoadError, match="reads pixel_values"):
        load_pair(folder)


def test_the_version_names_all_that_can_move_a_score(tokenizer: Tokenizer, tmp_path: Path) -> None:
    one = load_pair(checkpoints.write_weigher(tmp_path / "one", tokenizer, seed=1), backend="onnxruntime")
    same = load_pair(checkpoints.write_weigher(tmp_path / "same", tokenizer, seed=1), backend="onnxruntime")
    other = load_pair(checkpoints.write_weigher(tmp_path / "other", tokenizer, seed=2), backend="onnxruntime")
    assert one.declared.version == same.declared.version != other.declared.version
    for part in ("model.onnx", "pair@1", f"renderer@{one.declared.renderer}", "fp32"):
        assert part in one.declared.version


def test_what_is_asked_after_closing_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = load_pair(checkpoints.write_weigher(tmp_path, tokenizer), backend="onnxruntime")
    pieces: list[Piece] = [*model.read(QUERY, None, Limits())(["a river"])[0].pieces]
    model.close()
    model.close()
    with pytest.raises(ModelError, match="closed"):
        model.logits(pieces)


def test_chunks_and_cuts_say_which_characters_they_have(model: PairModel) -> None:
    text = "The river runs to the sea. " * 30
    (chunked,) = model.read(QUERY, None, Limits(policy="chunk", chunk_by="sentences", max_tokens=48))([text])
    assert len(chunked.spans) == len(chunked.pieces) > 2
    assert all(text[start:end].strip().startswith("The river") for start, end in chunked.spans)
    assert all(text[start:end].endswith("sea.") for start, end in chunked.spans)
    (cut,) = model.read(QUERY, None, Limits(max_tokens=32))([text])
    (whole,) = model.read(QUERY, None, Limits())(["a river"])
    assert cut.truncated
    assert cut.spans[0][0] == 0
    assert text.startswith(text[slice(*cut.spans[0])])
    assert whole.spans == ()


def test_a_query_that_leaves_no_room_can_be_read_in_parts(model: PairModel) -> None:
    query = "who wrote the book? " * 30
    parts = model.parts(query, Limits(query_policy="chunk", chunk_by="sentences", overlap=0))
    assert len(parts) > 1
    assert "".join(parts).replace(" ", "") == query.replace(" ", "")
    for part in parts:
        (reading,) = model.read(part, None, Limits())(["a river"])
        assert not reading.truncated
    assert model.parts(QUERY, Limits(query_policy="chunk")) == [QUERY]
