"""What is torch's own: devices, precisions, short memory, forks, weights that are missing, settings left alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secondpass.backends.choose import choose, formats, torch_installed
from secondpass.errors import InputError, MissingExtra, ModelError, ModelLoadError, UntrainedHead
from tests.backends.conftest import rows
from tests.backends.interpreter import run_python
from tests.checkpoints import write_checkpoint

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import torch  # after the skip

from secondpass.backends.torch.backend import TorchBackend
from secondpass.backends.torch.device import find_device
from secondpass.backends.torch.graph import TorchGraph, short_memory

BATCH = """
import os, sys
from pathlib import Path
import numpy as np
from secondpass.backends.torch.backend import TorchBackend

def batch(rows, length):
    ids = np.full((rows, length), 7)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}

graph = TorchBackend(device="cpu").load(Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("bert"), "bert") / "model.safetensors"


def rewrite(weights: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A copy of a checkpoint in `folder` after `change` to its tensors."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(weights)
    change(tensors)
    save_file(tensors, folder / weights.name, metadata={"format": "pt"})
    (folder / "config.json").write_bytes((weights.parent / "config.json").read_bytes())
    return folder / weights.name


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cpu:1", "", "cuda:-1"])
def test_a_device_that_is_not_here_is_refused_with_those_that_are(device: str) -> None:
    with pytest.raises(InputError, match=r"'auto', 'cpu'") as raised:
        TorchBackend(device=device)
    assert repr(device) in str(raised.value)


def test_auto_takes_the_best_device_here() -> None:
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    assert find_device("auto").type == ("cuda" if cuda else "mps" if mps else "cpu")
    assert find_device("cpu").type == "cpu"


def test_a_device_for_another_backend_is_refused() -> None:
    with pytest.raises(InputError, match=r"device='cuda'.*backend='torch'"):
        choose("onnxruntime", device="cuda")


def test_on_a_cpu_auto_is_fp32_and_one_stream_with_torchs_threads() -> None:
    told = TorchBackend(device="cpu").capabilities
    assert (told.precision, told.streams) == ("fp32", 1)
    assert f"{torch.get_num_threads()} threads" in told.reason


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_near_and_its_head_is_exact(weights: Path, precision: str) -> None:
    backend = choose("torch", precision, device="cpu")
    assert backend.capabilities.precision == precision
    batch = rows([9, 33, 60])
    near = backend.load(weights).run(batch)["logits"]
    exact = TorchBackend(device="cpu").load(weights).run(batch)["logits"]
    assert near.dtype == np.float32
    assert 0 < np.abs(near - exact).max() < 0.1
    # A logit that had been rounded to 16 bits would come back from them unchanged.
    rounded = torch.tensor(near).to(getattr(torch, {"bf16": "bfloat16", "fp16": "float16"}[precision])).float().numpy()
    assert np.abs(near - rounded).max() > 0


def test_what_the_user_has_set_is_left_alone(weights: Path) -> None:
    from transformers.utils import logging

    before = (torch.get_num_threads(), torch.get_default_dtype(), logging.get_verbosity())
    bars = logging.is_progress_bar_enabled()
    TorchBackend(precision="bf16", device="cpu").load(weights).run(rows([9]))
    assert before == (torch.get_num_threads(), torch.get_default_dtype(), logging.get_verbosity())
    assert bars == logging.is_progress_bar_enabled()


@pytest.mark.parametrize("name", ["classifier.weight", "bert.pooler.dense.weight"])
def test_weights_that_are_missing_are_an_untrained_head(weights: Path, tmp_path: Path, name: str) -> None:
    path = rewrite(weights, tmp_path, lambda tensors: tensors.pop(name))
    with pytest.raises(UntrainedHead, match=name):
        TorchBackend(device="cpu").load(path)


def test_a_body_with_other_names_is_not_taken_for_an_untrained_head(weights: Path, tmp_path: Path) -> None:
    def rename(tensors: dict[str, Any]) -> None:
        for name in [name for name in tensors if ".encoder." in name]:
            tensors[name.replace(".encoder.", ".blocks.")] = tensors.pop(name)

    path = rewrite(weights, tmp_path, rename)
    with pytest.raises(ModelLoadError, match=r"bert\.encoder\..* more: it is damaged, or its authors' code"):
        TorchBackend(device="cpu").load(path)


def test_a_head_of_another_shape_is_untrained_too(weights: Path, tmp_path: Path) -> None:
    wide = {"classifier.weight": torch.zeros(3, 32), "classifier.bias": torch.zeros(3)}
    path = rewrite(weights, tmp_path, lambda tensors: tensors.update(wide))
    with pytest.raises(UntrainedHead, match=r"classifier\.bias, classifier\.weight"):
        TorchBackend(device="cpu").load(path)


def test_shards_are_read_through_their_index(weights: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    whole = AutoModelForSequenceClassification.from_pretrained(str(weights.parent))
    whole.save_pretrained(tmp_path, max_shard_size="20KB")
    index = tmp_path / "model.safetensors.index.json"
    batch = rows([9, 33])
    found = TorchBackend(device="cpu").load(index).run(batch)["logits"]
    whole_again = TorchBackend(device="cpu").load(weights).run(batch)["logits"]
    np.testing.assert_allclose(found, whole_again, atol=1e-6)  # where weights lie in a file moves the last bit


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model_type": "new", "auto_map": {"AutoConfig": "configuration.Evil"}}, "cannot be read by transformers"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantised with gptq"),
    ],
    ids=["code of its own", "quantised"],
)
def test_what_cannot_be_read_is_refused_by_name(
    weights: Path, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    path = rewrite(weights, tmp_path, lambda tensors: None)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | change), encoding="utf-8")
    (tmp_path / "configuration.py").write_text("raise SystemExit('code from a checkpoint was run')", encoding="utf-8")
    with pytest.raises(ModelLoadError, match=says):
        TorchBackend(device="cpu").load(path)


def test_broken_weights_are_refused_by_name(weights: Path, tmp_path: Path) -> None:
    path = rewrite(weights, tmp_path, lambda tensors: None)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelLoadError, match=r"model\.safetensors cannot be read"):
        TorchBackend(device="cpu").load(path)


def test_an_onnx_graph_is_answered_with_the_backend_that_reads_it(weights: Path) -> None:
    with pytest.raises(ModelLoadError, match="backend='onnxruntime'"):
        TorchBackend(device="cpu").load(weights.parent / "onnx" / "model.onnx")


class Small(torch.nn.Module):
    """A row's logit is the sum of its ids; memory is short for more than `fits` rows."""

    def __init__(self, fits: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        super().__init__()
        self.fits, self.error, self.seen = fits, error, list[int]()

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(input_ids))
        if len(input_ids) > self.fits:
            raise self.error("no memory")
        return input_ids.sum(1, keepdim=True).float()


def test_where_memory_is_short_the_batch_is_halved_until_it_fits() -> None:
    module = Small(fits=2)
    ids = np.arange(21).reshape(7, 3)
    found = TorchGraph(module, ("input_ids",), torch.device("cpu")).run({"input_ids": ids})["logits"]
    np.testing.assert_array_equal(found[:, 0], ids.sum(1))
    assert module.seen == [7, 3, 1, 2, 4, 2, 2]


def test_one_row_that_does_not_fit_is_a_typed_error() -> None:
    graph = TorchGraph(Small(fits=0), ("input_ids",), torch.device("cpu"))
    with pytest.raises(ModelError, match=r"one pair of 3 tokens.*max_tokens"):
        graph.run({"input_ids": np.ones((4, 3), np.int64)})


def test_another_failure_is_not_taken_for_short_memory() -> None:
    module = Small(fits=0, error=RuntimeError)
    with pytest.raises(RuntimeError, match="no memory"):
        TorchGraph(module, ("input_ids",), torch.device("cpu")).run({"input_ids": np.ones((4, 3), np.int64)})
    assert module.seen == [4]


@pytest.mark.parametrize("said", ["MPS backend out of memory (MPS allocated: 8.00 GiB)", "Invalid buffer size: 9 GiB"])
def test_short_memory_on_mps_gets_the_class_that_it_has_elsewhere(said: str) -> None:
    with pytest.raises(torch.OutOfMemoryError, match=said.partition("(")[0]), short_memory(torch.device("mps")):
        raise RuntimeError(said)


@pytest.mark.parametrize(("device", "said"), [("mps", "shapes differ"), ("cpu", "MPS backend out of memory")])
def test_no_other_failure_is_taken_for_short_memory_on_mps(device: str, said: str) -> None:
    with pytest.raises(RuntimeError, match=said) as raised, short_memory(torch.device(device)):
        raise RuntimeError(said)
    assert not isinstance(raised.value, torch.OutOfMemoryError)


@pytest.mark.parametrize(("family", "attention"), [("bert", "sdpa"), ("deberta-v2", "eager")])
def test_a_graph_says_how_its_attention_is_computed(family: str, attention: str, tmp_path: Path) -> None:
    graph = TorchBackend(device="cpu").load(write_checkpoint(tmp_path, family) / "model.safetensors")
    assert graph.attention == attention


def test_what_is_done_about_attention_is_told() -> None:
    assert "rows padded, attention by sdpa" in TorchBackend(device="cpu").capabilities.reason
    assert "rows packed" in TorchBackend(device="cpu", packed=True).capabilities.reason


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
def test_a_graph_computes_the_same_in_a_forked_child(weights: Path) -> None:
    body = """
import torch
torch.set_num_threads(2)
mine = graph.run(batch(64, 64))["logits"]
child = os.fork()
if child == 0:
    os._exit(0 if np.allclose(graph.run(batch(64, 64))["logits"], mine, atol=1e-5) else 1)
print(os.waitpid(child, 0)[1], torch.get_num_threads())
"""
    assert run_python(BATCH + body, weights) == "0 2\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
def test_a_forked_child_may_not_use_its_parents_accelerator() -> None:
    # `meta` is the one other device that every machine has.
    graph = TorchGraph(Small(fits=9), ("input_ids",), torch.device("meta"))
    graph._process = -1
    with pytest.raises(ModelError, match=r"forked.*meta.*'spawn'"):
        graph.run({"input_ids": np.ones((4, 3), np.int64)})


@pytest.mark.parametrize("missing", ["torch", "transformers"])
def test_without_the_extra_the_install_command_is_given(missing: str) -> None:
    told = run_python(
        f"""
        import sys
        sys.modules[{missing!r}] = None  # importing it raises ImportError
        from secondpass.backends.choose import choose
        from secondpass.errors import MissingExtra
        try:
            choose("torch")
        except MissingExtra as error:
            print(error)
        """
    )
    assert told == f"{MissingExtra('The torch backend', 'torch')}\n"


def test_importing_the_package_and_choosing_another_backend_leave_torch_alone() -> None:
    told = run_python(
        """
        import sys
        import secondpass
        from secondpass.backends.choose import choose, formats
        choose("onnxruntime"), formats("auto")
        import secondpass.models.pair
        print([name for name in ("torch", "transformers") if name in sys.modules])
        """
    )
    assert told == "[]\n"


def test_auto_reads_safetensors_behind_onnx_and_torch_nothing_else() -> None:
    assert torch_installed()
    assert formats("auto") == ("onnx", "safetensors")
    assert formats("torch") == ("safetensors",)
    assert formats("onnxruntime") == formats("openvino") == ("onnx",)
