"""Several devices: which names there are, and a copy of the graph on each. Two copies on the CPU stand for two GPUs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Lock

import numpy as np
import pytest

from secondpass.backends.choose import choose
from secondpass.errors import InputError, ModelError
from tests.backends.conftest import rows
from tests.backends.interpreter import run_python
from tests.checkpoints import write_checkpoint

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import torch  # after the skip

from secondpass.backends.torch.backend import TorchBackend
from secondpass.backends.torch.device import find_devices
from secondpass.backends.torch.graph import TorchGraph
from secondpass.backends.torch.replicas import Replicas

CPU = torch.device("cpu")
IDS = {"input_ids": np.arange(6).reshape(2, 3)}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("bert"), "bert") / "model.safetensors"


@pytest.mark.parametrize("asked", ["cpu,cpu", "cpu, cpu", ("cpu", "cpu"), ["cpu", "cpu"]])
def test_several_devices_are_named_with_commas_or_in_a_sequence(asked: str | Sequence[str]) -> None:
    assert find_devices(asked) == (CPU, CPU)


def test_one_name_is_one_device() -> None:
    assert find_devices("cpu") == (CPU,)


@pytest.mark.parametrize("asked", ["cpu,", "cpu,gpu", "cuda:98,cuda:99", ("cpu", "cpu:1")])
def test_each_of_several_must_be_here(asked: str | Sequence[str]) -> None:
    with pytest.raises(InputError, match="is not here; choose one of 'auto', 'cpu'"):
        find_devices(asked)


def test_no_device_at_all_is_refused() -> None:
    with pytest.raises(InputError, match=r"device=\[\] names none"):
        find_devices([])


def test_all_of_cudas_devices_are_refused_where_there_are_none() -> None:
    if torch.cuda.is_available():
        assert len(find_devices("cuda:*")) == torch.cuda.device_count()
    else:
        with pytest.raises(InputError, match=r"'cuda:\*' is not here"):
            find_devices("cuda:*")


def test_devices_are_streams_and_each_may_have_several() -> None:
    told = choose("torch", streams=2, device="cpu,cpu").capabilities
    assert told.streams == 4
    assert "4 streams on cpu" in told.reason


def test_devices_compute_what_one_computes(weights: Path) -> None:
    several = TorchBackend(device="cpu,cpu").load(weights)
    one = TorchBackend(device="cpu").load(weights)
    assert isinstance(several, Replicas)
    assert (several.inputs, several.outputs, several.attention) == (one.inputs, one.outputs, one.attention)
    batches = [rows([5 + i, 20 + i], seed=i) for i in range(12)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda batch: several.run(batch)["logits"], batches))
    np.testing.assert_allclose(found, [one.run(batch)["logits"] for batch in batches], rtol=0, atol=1e-6)


def test_copies_share_no_weights(weights: Path) -> None:
    several = TorchBackend(device="cpu,cpu").load(weights)
    assert isinstance(several, Replicas)
    held = [{each.data_ptr() for each in _module(graph).parameters()} for graph in several._graphs]
    assert held[0].isdisjoint(held[1])


def _module(graph: TorchGraph) -> torch.nn.Module:
    assert graph._module is not None
    return graph._module


class Met(torch.nn.Module):
    """Waits until `together` passes are under way in its copies, and counts the most there were in this one."""

    def __init__(self, barrier: Barrier) -> None:
        super().__init__()
        self.barrier, self.lock, self.now, self.most = barrier, Lock(), 0, 0

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.barrier.wait(timeout=20)
        with self.lock:
            self.now -= 1
        return input_ids.sum(1, keepdim=True).float()


@pytest.mark.parametrize("streams", [1, 2])
def test_every_device_is_busy_and_none_more_than_its_streams(streams: int) -> None:
    barrier = Barrier(2 * streams)
    modules = [Met(barrier) for _ in range(2)]
    graph = Replicas([TorchGraph(module, ("input_ids",), CPU) for module in modules], streams)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: graph.run(IDS)["logits"][:, 0].tolist(), range(8)))
    assert found == [[3.0, 12.0]] * 8
    assert [module.most for module in modules] == [streams, streams]


class Broken(torch.nn.Module):
    """Fails on its first pass."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = Event()

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        if not self.failed.is_set():
            self.failed.set()
            raise ValueError("once")
        return input_ids.sum(1, keepdim=True).float()


def test_a_device_whose_run_failed_is_free_again() -> None:
    graph = Replicas([TorchGraph(Broken(), ("input_ids",), CPU)])
    with pytest.raises(ValueError, match="once"):
        graph.run(IDS)
    assert graph.run(IDS)["logits"].shape == (2, 1)


def test_closing_closes_every_copy(weights: Path) -> None:
    graph = TorchBackend(device="cpu,cpu").load(weights)
    graph.close()
    graph.close()
    for _ in range(2):
        with pytest.raises(ModelError, match="closed"):
            graph.run(rows([10]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
def test_a_forked_child_finds_every_device_free(weights: Path) -> None:
    body = """
    import os, sys
    from pathlib import Path
    import numpy as np
    from secondpass.backends.torch.backend import TorchBackend

    ids = np.full((2, 9), 7)
    batch = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    graph = TorchBackend(device="cpu,cpu").load(Path(sys.argv[1]))
    mine = graph.run(batch)["logits"]
    taken = [graph._free.get(), graph._free.get()]  # as if two threads were computing when the process forks
    child = os.fork()
    if child == 0:
        os._exit(0 if np.allclose(graph.run(batch)["logits"], mine, atol=1e-5) else 1)
    print(os.waitpid(child, 0)[1])
    """
    assert run_python(body, weights) == "0\n"
