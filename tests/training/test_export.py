"""Exported graphs against the checkpoint's own forward pass."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from secondpass.errors import InputError, UntrainedHead
from tests.checkpoints import SENTENCES, write_checkpoint

pytest.importorskip("onnx")
torch = pytest.importorskip("torch")

from training import export as module  # noqa: E402  # needs onnx

PAIRS = [(query, document) for query in SENTENCES for document in SENTENCES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = write_checkpoint(tmp_path_factory.mktemp("export"), "bert")
    module.export(made, PAIRS)
    return made


def reference(folder: Path, batch: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        logits = model(**{name: torch.tensor(value) for name, value in batch.items()}).logits
    return np.asarray(logits.numpy(), np.float32)


def computed(folder: Path, file: str, batch: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
    from secondpass.backends.onnx import OnnxBackend

    return OnnxBackend(streams=1).load(folder / "onnx" / file).run(batch)["logits"]


def test_fp32_is_the_checkpoints_own_forward_pass(folder: Path) -> None:
    batch = module.batch(module.read(folder).tokenizer, PAIRS)
    np.testing.assert_allclose(computed(folder, "model.onnx", batch), reference(folder, batch), rtol=0, atol=1e-4)


def test_int8_ranks_as_fp32_does(folder: Path) -> None:
    batch = module.batch(module.read(folder).tokenizer, PAIRS)
    exact, quantised = computed(folder, "model.onnx", batch)[:, 0], computed(folder, "model_int8.onnx", batch)[:, 0]
    assert np.corrcoef(exact, quantised)[0, 1] > 0.99


def test_int8_has_static_scales_and_says_so(folder: Path) -> None:
    import onnx

    operators = {node.op_type for node in onnx.load(folder / "onnx" / "model_int8.onnx").graph.node}
    assert "QuantizeLinear" in operators
    assert not operators & {"DynamicQuantizeLinear", "MatMulInteger"}
    assert json.loads((folder / "onnx" / "secondpass.json").read_text())["int8"] == "static"


def test_pairs_of_unlike_lengths_are_padded_on_the_right(folder: Path) -> None:
    batch = module.batch(module.read(folder).tokenizer, [("a query", "a"), ("a query", "a document of many words")])
    lengths = batch["attention_mask"].sum(axis=1)
    assert lengths[0] < lengths[1] == batch["input_ids"].shape[1]
    assert not batch["input_ids"][0, lengths[0] :].any()
    assert set(np.unique(batch["token_type_ids"])) == {0, 1}


def test_without_calibration_pairs_nothing_is_written(tmp_path: Path) -> None:
    made = write_checkpoint(tmp_path, "bert")
    with pytest.raises(InputError, match="calibration"):
        module.export(made, [])
    assert not (made / "onnx" / "model_int8.onnx").exists()


def test_another_family_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="xlm-roberta"):
        module.read(write_checkpoint(tmp_path, "xlm-roberta"))


def test_a_checkpoint_without_a_head_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    made = write_checkpoint(tmp_path, "bert")
    weights = {name: value for name, value in load_file(made / "model.safetensors").items() if "classifier" not in name}
    save_file(weights, made / "model.safetensors")
    with pytest.raises(UntrainedHead, match=r"classifier\.weight"):
        module.read(made)
