"""The pair recipe against sentence-transformers' CrossEncoder, on tiny checkpoints of every family: 1e-4 in fp32."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from secondpass.models.pair import PairModel, join
from secondpass.text.encode import Limits
from tests import checkpoints
from tests.checkpoints import load_pair
from tests.parity.record import Parity

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")

QUERY = "who wrote the book of the second pass?"
SHORT = ("the river rises in the mountains", "a panda is a bear", "numbers such as 12")
UNEQUAL = (*SHORT, "a", "", "a query and a document are read together. " * 2)
LONG = tuple(text * 12 for text in checkpoints.SENTENCES[:3])
BF16 = 0.05  # relative; the weights are far larger than a trained model's, which makes the roundings larger too

Logits = NDArray[np.float32]


@pytest.fixture(scope="module", params=sorted(checkpoints.FAMILIES))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_checkpoint(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def model(folder: Path) -> PairModel:
    return load_pair(folder, backend="onnxruntime", precision="fp32", streams=1)


@pytest.fixture(scope="module")
def reference(folder: Path) -> Any:
    from sentence_transformers import CrossEncoder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CrossEncoder(str(folder), device="cpu")


def theirs(reference: Any, query: str, documents: Sequence[str]) -> NDArray[np.float32]:
    from torch.nn import Identity

    found: NDArray[np.float32] = reference.predict(
        [(query, document) for document in documents], activation_fn=Identity(), show_progress_bar=False
    )
    return found


def ours(
    model: PairModel, query: str, documents: Sequence[str], limits: Limits, instruction: str | None = None
) -> NDArray[np.float32]:
    readings = model.read(query, instruction, limits)(documents)
    return model.logits([piece for reading in readings for piece in reading.pieces])


@pytest.fixture
def near(folder: Path, request: pytest.FixtureRequest, parity: Parity) -> Callable[[Logits, Logits], None]:
    """Holds logits against those of sentence-transformers, and records how near they are."""
    family = request.node.callspec.params["folder"]

    def held(found: Logits, wanted: Logits) -> None:
        np.testing.assert_allclose(found, wanted, atol=1e-4)
        parity.record(family, "sentence-transformers", version("sentence-transformers"), np.abs(found - wanted).max())

    return held


@pytest.mark.parametrize("documents", [SHORT, UNEQUAL], ids=["short", "unequal"])
def test_logits_are_those_of_cross_encoder(
    model: PairModel, reference: Any, documents: Sequence[str], near: Callable[[Logits, Logits], None]
) -> None:
    found = ours(model, QUERY, documents, Limits(truncation="reference"))
    near(found, theirs(reference, QUERY, documents))
    assert np.ptp(found) > 0.01  # else the weights are such that nothing would show


def test_an_instruction_is_read_as_a_longer_query(
    model: PairModel, reference: Any, near: Callable[[Logits, Logits], None]
) -> None:
    instruction = "prefer the newest source"
    found = ours(model, "who?", SHORT, Limits(), instruction)
    near(found, theirs(reference, join(instruction, "who?"), SHORT))


@pytest.mark.parametrize("query", [QUERY, QUERY * 8], ids=["long documents", "long query too"])
def test_reference_truncation_cuts_where_cross_encoder_cuts(
    model: PairModel, reference: Any, query: str, near: Callable[[Logits, Logits], None]
) -> None:
    readings = model.read(query, None, Limits(truncation="reference"))(LONG)
    assert all(reading.truncated for reading in readings)
    near(ours(model, query, LONG, Limits(truncation="reference")), theirs(reference, query, LONG))


def test_query_and_document_are_not_the_same_to_the_model(model: PairModel) -> None:
    there = ours(model, QUERY, SHORT[:1], Limits())
    back = ours(model, SHORT[0], [QUERY], Limits())
    assert abs(float(there[0] - back[0])) > 1e-3


def test_a_pair_has_the_same_logit_alone_and_beside_a_giant(model: PairModel) -> None:
    giant = "a panda is a bear native to south central china. " * 3
    together = ours(model, "who?", [*SHORT, giant], Limits())
    for place, document in enumerate(SHORT):
        np.testing.assert_allclose(ours(model, "who?", [document], Limits())[0], together[place], atol=1e-4)


def test_openvino_gives_the_same_logits_in_fp32(model: PairModel, folder: Path) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    other = load_pair(folder, backend="openvino", precision="fp32", streams=1)
    np.testing.assert_allclose(ours(other, QUERY, UNEQUAL, Limits()), ours(model, QUERY, UNEQUAL, Limits()), atol=1e-4)
    other.close()


def test_torch_gives_the_same_logits_in_fp32_from_the_weights_themselves(
    model: PairModel, folder: Path, reference: Any, near: Callable[[Logits, Logits], None]
) -> None:
    other = load_pair(folder, backend="torch", precision="fp32", device="cpu")
    assert other.checkpoint.graph.name == "model.safetensors"
    near(ours(other, QUERY, UNEQUAL, Limits(truncation="reference")), theirs(reference, QUERY, UNEQUAL))
    np.testing.assert_allclose(ours(other, QUERY, UNEQUAL, Limits()), ours(model, QUERY, UNEQUAL, Limits()), atol=1e-4)
    near(ours(other, QUERY * 8, LONG, Limits(truncation="reference")), theirs(reference, QUERY * 8, LONG))
    other.close()


def test_after_save_and_reload_by_its_library_the_logits_are_the_same(
    folder: Path, reference: Any, tmp_path: Path, near: Callable[[Logits, Logits], None]
) -> None:
    reference.save_pretrained(str(tmp_path))
    again = load_pair(tmp_path, backend="torch", precision="fp32", device="cpu")
    near(ours(again, QUERY, UNEQUAL, Limits(truncation="reference")), theirs(reference, QUERY, UNEQUAL))
    again.close()


def test_torch_in_bf16_stays_near(model: PairModel, folder: Path) -> None:
    other = load_pair(folder, backend="torch", precision="bf16", device="cpu")
    found, exact = ours(other, QUERY, UNEQUAL, Limits()), ours(model, QUERY, UNEQUAL, Limits())
    assert np.abs(found - exact).max() < BF16 * max(1.0, float(np.abs(exact).max()))
    assert np.abs(found - exact).max() > 0  # else it was computed in fp32
    other.close()


def test_of_two_labels_the_score_is_the_second_ones_probability(tmp_path: Path, parity: Parity) -> None:
    import torch
    from sentence_transformers import CrossEncoder

    folder = checkpoints.write_checkpoint(tmp_path, "bert", labels=2)
    model = load_pair(folder, backend="onnxruntime", streams=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference: Any = CrossEncoder(str(folder), device="cpu")
    wanted = torch.softmax(torch.tensor(theirs(reference, QUERY, SHORT)), dim=1)[:, 1].numpy()
    found = 1 / (1 + np.exp(-ours(model, QUERY, SHORT, Limits())))
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    difference = float(np.abs(found - wanted).max())
    parity.record("monoBERT (two labels)", "sentence-transformers", version("sentence-transformers"), difference)
