"""What is converted, loaded again and held against torch: every family, every precision, both runtimes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

import secondpass
from secondpass.conversion import convert as module
from secondpass.conversion.convert import Precision, Target, convert
from secondpass.errors import InputError, ModelError
from secondpass.models.files import takes_scales_per_batch
from tests import checkpoints, decoders, layouts

QUERY = "who wrote the book of the second pass?"
DOCUMENTS = [*checkpoints.SENTENCES, "a", " ".join(checkpoints.SENTENCES[:3])]
LAYOUTS = ("flash", "new", "jina-v1")
DECODERS = {
    "qwen3": "qwen3-reranker",
    "qwen2": "mxbai-v2-base",
    "gemma": "bge-gemma",
    "mistral": "rankllama",
    "llama": "rankllama",
}
pytestmark = pytest.mark.filterwarnings("ignore::secondpass.UnverifiedWarning")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints by family, written when asked for first."""
    place = tmp_path_factory.mktemp("checkpoints")

    class Made(dict[str, Path]):
        def __missing__(self, name: str) -> Path:
            self[name] = write(place / name, name, self)
            return self[name]

    return Made()


def write(folder: Path, name: str, made: dict[str, Path]) -> Path:
    if name in DECODERS:
        labels = 1 if DECODERS[name] == "rankllama" else None
        return decoders.write_decoder(folder, name, labels=labels)
    if name == "flash":
        return layouts.write_flash(folder, made["xlm-roberta"])
    if name == "new":
        return layouts.write_new(folder, made["gte"])
    if name == "jina-v1":
        return layouts.write_jina_bert(folder, made["bert"])
    if name == "ettin":
        from tests.parity.test_encoders import write_chain

        return write_chain(folder, made["modernbert"], "mean")
    return checkpoints.write_checkpoint(folder, name)


def logits(folder: Path, *, documents: list[str] = DOCUMENTS, **options: Any) -> NDArray[np.float64]:
    with secondpass.load(folder, **options) as reranker:
        ranking = reranker.rank(QUERY, documents)
        return np.array([hit.logit for hit in sorted(ranking, key=lambda hit: hit.index)])


def exact(folder: Path, recipe: str | None) -> NDArray[np.float64]:
    return logits(folder, backend="torch", precision="fp32", device="cpu", recipe=recipe)


@pytest.mark.parametrize("family", [*checkpoints.FAMILIES, *LAYOUTS, "ettin", *DECODERS])
def test_every_family_gives_torchs_logits_on_both_runtimes(family: str, made: dict[str, Path], tmp_path: Path) -> None:
    recipe = DECODERS.get(family)
    found = convert(made[family], tmp_path / "made", recipe=recipe)
    wanted = exact(made[family], recipe)
    assert found.drift.relative < 1e-3
    for backend in ("onnxruntime", "openvino"):
        ours = logits(found.folder, backend=backend, precision="fp32")
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-4)
    alone = [logits(found.folder, documents=[each], backend="onnxruntime")[0] for each in DOCUMENTS[:3]]
    np.testing.assert_allclose(alone, wanted[:3], rtol=0, atol=1e-4)


@pytest.mark.parametrize("family", ["bert", "jina-v1", "qwen3"])
def test_a_converted_model_declares_what_its_checkpoint_does(
    family: str, made: dict[str, Path], tmp_path: Path
) -> None:
    recipe = DECODERS.get(family)
    found = convert(made[family], tmp_path / "made", recipe=recipe)
    with (
        secondpass.load(made[family], backend="torch", recipe=recipe) as before,
        secondpass.load(found.folder, backend="onnxruntime") as after,
    ):
        for name in ("activation", "max_tokens", "instructions", "scale"):
            assert getattr(after.declared, name) == getattr(before.declared, name)


@pytest.mark.parametrize(
    ("family", "to", "precision", "tolerance"),
    [
        ("xlm-roberta", "onnx", "fp16", 0.02),
        ("bert", "onnx", "int8", 0.75),
        ("modernbert", "openvino", "int8", 0.75),
        ("modernbert", "onnx", "int4", 2.0),
        ("qwen3", "onnx", "int8", 0.75),
        ("llama", "openvino", "int4", 2.0),
        ("bert", "openvino", "fp16", 0.02),
    ],
)
def test_a_smaller_precision_stays_within_its_tolerance(
    family: str, to: Target, precision: Precision, tolerance: float, made: dict[str, Path], tmp_path: Path
) -> None:
    recipe = DECODERS.get(family)
    found = convert(made[family], tmp_path / "made", to=to, precision=precision, tolerance=tolerance, recipe=recipe)
    wanted = exact(made[family], recipe)
    backend = {"onnx": "onnxruntime", "openvino": "openvino"}[to]
    ours = logits(found.folder, backend=backend)
    assert np.corrcoef(ours, wanted)[0, 1] > 0.9
    alone = [logits(found.folder, documents=[each], backend=backend)[0] for each in DOCUMENTS[:3]]
    np.testing.assert_allclose(alone, ours[:3], rtol=0, atol=0.02)
    assert 1e-6 < found.drift.relative <= tolerance


def test_int8_scales_are_static_and_the_file_is_the_one_that_auto_takes(made: dict[str, Path], tmp_path: Path) -> None:
    import onnx

    found = convert(made["bert"], tmp_path / "made", precision="int8")
    graph = found.folder / "onnx" / "model_int8.onnx"
    operators = {node.op_type for node in onnx.load(graph).graph.node}
    assert "QuantizeLinear" in operators
    assert not operators & {"DynamicQuantizeLinear", "MatMulInteger"}
    assert not takes_scales_per_batch(graph)
    with secondpass.load(found.folder, backend="onnxruntime") as reranker:
        assert reranker.capabilities is not None
        assert "model_int8.onnx" in reranker.capabilities.reason


def test_a_model_that_is_too_far_off_is_refused_and_nothing_is_left(made: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"in int4.* off, .*1e-06 is tolerated; nothing was written.*tolerance="):
        convert(made["bert"], tmp_path / "made", precision="int4", tolerance=1e-6)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_is_never_written_over(made: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="already there"):
        convert(made["bert"], tmp_path / "made")
    with pytest.raises(InputError, match="no folder"):
        convert(made["bert"], tmp_path / "absent" / "made")
    assert (tmp_path / "made" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "tflite"}, "to='tflite' is not known"),
        ({"precision": "int2"}, "precision='int2' is not known"),
        ({"tolerance": 0.0}, "tolerance=0.0"),
        ({"tolerance": float("nan")}, "tolerance=nan"),
    ],
)
def test_what_cannot_be_meant_is_named(options: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        convert("./model", tmp_path / "made", **options)  # type: ignore[arg-type]


def test_a_model_that_reads_query_and_document_apart_is_refused(made: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'apart'"):
        convert(made["bert"], tmp_path / "made", recipe="cosine")
    assert not list(tmp_path.iterdir())


def test_the_recipe_is_in_the_graph_and_no_other_can_be_asked_for(made: dict[str, Path], tmp_path: Path) -> None:
    found = convert(made["qwen3"], tmp_path / "made", recipe="qwen3-reranker")
    with secondpass.load(found.folder, backend="onnxruntime", recipe="qwen3-reranker") as reranker:
        assert "qwen3-reranker" in reranker.declared.version
    with pytest.raises(InputError, match=r"'mxbai-v2-base'.*'qwen3-reranker'"):
        secondpass.load(found.folder, backend="onnxruntime", recipe="mxbai-v2-base")


def test_openvinos_own_format_is_read_by_it_alone(made: dict[str, Path], tmp_path: Path) -> None:
    found = convert(made["bert"], tmp_path / "made", to="openvino")
    np.testing.assert_allclose(logits(found.folder), exact(made["bert"], None), rtol=0, atol=0.2)  # bf16, maybe
    with pytest.raises(ModelError, match="backend='openvino'"):
        secondpass.load(found.folder, backend="onnxruntime")


def test_the_steps_are_told_and_the_sizes_are_those_of_the_files(made: dict[str, Path], tmp_path: Path) -> None:
    told: list[str] = []
    found = convert(made["bert"], tmp_path / "made", told=told.append)
    assert [each.split()[0] for each in told] == ["reading", "computing", "writing", "measuring"]
    assert found.sizes[0] == (made["bert"] / "model.safetensors").stat().st_size
    assert found.sizes[1] == (found.folder / "onnx" / "model.onnx").stat().st_size
    note = json.loads((found.folder / "onnx" / "secondpass.json").read_text())
    assert (note["driver"], note["precision"]) == ("pair", "fp32")


def test_every_precision_has_a_tolerance_and_a_file() -> None:
    assert set(module.TOLERANCES) == set(get_args(Precision))
