from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

import torch

from secondpass.backends.base import MARKS
from secondpass.backends.network import Body, Layer, Layers, Network, Projection
from secondpass.backends.torch.backend import TorchBackend
from secondpass.backends.torch.layers import LayersHead
from secondpass.errors import InputError, UntrainedHead
from tests.blocks import SIZE, write_blocks
from tests.seq2seq import write_t5

PROJECTOR = Layers((Layer("Linear", "projector.0"), Layer("ReLU"), Layer("Linear", "projector.2")), pool=None)


def write_layers(folder: Path) -> Path:
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(0)
    shapes = {"first.weight": (5, 4), "first.bias": (5,), "norm.weight": (5,), "norm.bias": (5,), "last.weight": (1, 5)}
    save_file(
        {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}, folder / "held.safetensors"
    )
    return folder / "held.safetensors"


def test_layers_are_those_of_the_file_with_a_bias_where_it_has_one(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    path = write_layers(tmp_path)
    told = Layers(
        (Layer("Linear", "first"), Layer("LayerNorm", "norm", eps=1e-12), Layer("ReLU"), Layer("Linear", "last"))
    )
    head, held = LayersHead(path, told), load_file(path)
    states = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    mask = torch.tensor([[1, 1, 1], [0, 1, 1]])
    first = torch.stack([states[0, 0], states[1, 1]]) @ held["first.weight"].T + held["first.bias"]
    normed = (first - first.mean(-1, keepdim=True)) / first.var(-1, keepdim=True, unbiased=False).sqrt()
    wanted = torch.relu(normed * held["norm.weight"] + held["norm.bias"]) @ held["last.weight"].T
    torch.testing.assert_close(head(states, mask), wanted)
    assert head(states.bfloat16(), mask).dtype == torch.float32


def test_a_layer_that_is_not_in_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UntrainedHead, match=r"other\.weight"):
        LayersHead(write_layers(tmp_path), Layers((Layer("Linear", "other"),)))


def test_marked_tokens_have_a_vector_each_that_what_follows_does_not_change(tmp_path: Path) -> None:
    folder = write_blocks(tmp_path)
    graph = TorchBackend(precision="fp32", device="cpu").load(folder / "model.safetensors", Network(head=PROJECTOR))
    assert graph.inputs == ("input_ids", MARKS)
    ids = np.arange(5, 17)[None]
    found = graph.run({"input_ids": ids, MARKS: np.array([[3, 11, 0]])})["logits"]
    assert found.shape == (1, 3, SIZE)
    alone = graph.run({"input_ids": ids[:, :4], MARKS: np.array([[3, 0]])})["logits"]
    np.testing.assert_allclose(found[:, [0, 2]], alone, atol=1e-5)
    with pytest.raises(InputError, match="marks"):
        graph.run({"input_ids": ids})


def test_in_bf16_the_head_is_computed_in_fp32(tmp_path: Path) -> None:
    folder = write_blocks(tmp_path)
    ids, marks = np.arange(5, 17)[None], np.array([[3, 11]])
    exact, coarse = (
        TorchBackend(precision=precision, device="cpu")
        .load(folder / "model.safetensors", Network(head=PROJECTOR))
        .run({"input_ids": ids, MARKS: marks})["logits"]
        for precision in ("fp32", "bf16")
    )
    assert 0 < np.abs(exact - coarse).max() < 0.1 * np.abs(exact).max()


@pytest.mark.parametrize("rows", [(7,), (7, 9)])
def test_a_decoders_first_step_is_read_and_padding_changes_nothing(tmp_path: Path, rows: tuple[int, ...]) -> None:
    folder = write_t5(tmp_path)
    told = Network(Body(start=0), Projection(("shared.weight",), rows=rows))
    graph = TorchBackend(precision="fp32", device="cpu").load(folder / "model.safetensors", told)
    ids, mask = np.full((2, 8), 0), np.zeros((2, 8), dtype=np.int64)
    ids[0], mask[0] = np.arange(5, 13), 1
    ids[1, :3], mask[1, :3] = (20, 21, 1), 1
    together = graph.run({"input_ids": ids, "attention_mask": mask})["logits"]
    alone = graph.run({"input_ids": ids[1:, :3], "attention_mask": mask[1:, :3]})["logits"]
    assert together.shape == (2, 1)
    np.testing.assert_allclose(together[1:], alone, atol=1e-5)
    assert abs(float(together[0, 0] - together[1, 0])) > 1e-3
    other = TorchBackend(precision="fp32", device="cpu").load(
        folder / "model.safetensors", Network(Body(start=4), Projection(("shared.weight",), rows=rows))
    )
    assert np.abs(other.run({"input_ids": ids, "attention_mask": mask})["logits"] - together).max() > 1e-3
