"""What is OpenVINO's own: bf16, bounded memory, first uses from several threads, forks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from secondpass.backends.machine import machine
from secondpass.backends.openvino import OpenVinoBackend
from tests.backends.conftest import rows
from tests.backends.interpreter import run_python

pytest.importorskip("openvino")

BATCH = """
import sys, threading
from pathlib import Path
import numpy as np
from secondpass.backends.openvino import OpenVinoBackend

def batch(rows, length):
    ids = np.full((rows, length), 7)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}

graph = OpenVinoBackend(streams=2).load(Path(sys.argv[1]))
"""


def script(body: str) -> str:
    return BATCH + body


@pytest.mark.parametrize(("asked", "told"), [("fp32", "fp32"), ("bf16", "bf16")])
def test_the_precision_that_was_asked_for_is_taken(asked: str, told: str) -> None:
    backend = OpenVinoBackend(precision="fp32" if asked == "fp32" else "bf16")
    assert backend.capabilities.precision == told
    assert f"{asked} as asked" in backend.capabilities.reason


def test_bf16_is_taken_by_itself_only_where_the_processor_multiplies_it() -> None:
    assert OpenVinoBackend().capabilities.precision == ("bf16" if machine().bf16 else "fp32")


def test_fp32_is_computed_in_fp32_and_bf16_is_near_it(exported: Path) -> None:
    path = exported / "onnx" / "model.onnx"
    onnxruntime = pytest.importorskip("onnxruntime")
    batch = rows([9, 33, 60])
    reference = onnxruntime.InferenceSession(str(path)).run(None, batch)[0]
    exact = OpenVinoBackend(precision="fp32").load(path).run(batch)["logits"]
    near = OpenVinoBackend(precision="bf16").load(path).run(batch)["logits"]
    np.testing.assert_allclose(exact, reference, rtol=0, atol=1e-4)
    np.testing.assert_allclose(near, reference, rtol=0, atol=0.1)


def test_the_first_runs_may_come_from_several_threads_at_once(exported: Path) -> None:
    body = """
threads = [threading.Thread(target=graph.run, args=(batch(2, 8 + i),)) for i in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print("done")
"""
    for _ in range(3):
        assert run_python(script(body), exported / "onnx" / "model_int8.onnx") == "done\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
def test_a_graph_computes_on_in_a_forked_child_within_int8_tolerance(exported: Path) -> None:
    body = """
import os
mine = graph.run(batch(2, 16))["logits"]
child = os.fork()
if child == 0:
    same = np.allclose(graph.run(batch(2, 16))["logits"], mine, atol=0.1)
    graph.close()
    sys.exit(0 if same else 1)
print(os.waitpid(child, 0)[1], np.array_equal(graph.run(batch(2, 16))["logits"], mine))
"""
    assert run_python(script(body), exported / "onnx" / "model_int8.onnx") == "0 True\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
def test_a_forked_child_that_never_computes_ends(exported: Path) -> None:
    body = """
import os
graph.run(batch(2, 16))
child = os.fork()
if child == 0:
    del graph
    sys.exit(0)
print(os.waitpid(child, 0)[1])
"""
    assert run_python(script(body), exported / "onnx" / "model_int8.onnx") == "0\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory from /proc")
def test_memory_does_not_grow_with_the_number_of_shapes(exported: Path) -> None:
    body = """
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

def meet(shapes):
    for rows, length in shapes:
        graph.run(batch(rows, length))
    return resident()

first = meet((rows, length) for rows in (1, 2, 3) for length in range(4, 64, 2))
second = meet((rows, length) for rows in range(4, 10) for length in range(4, 64, 2))
print(second - first)
"""
    # With the default caches these 180 further shapes take 160 MB.
    assert float(run_python(script(body), exported / "onnx" / "model_int8.onnx", timeout=120)) < 60


def test_the_environment_is_left_as_it_was(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.delenv(name, raising=False)
    OpenVinoBackend().load(exported / "onnx" / "model.onnx").close()
    assert name not in os.environ
    monkeypatch.setenv(name, "77")
    OpenVinoBackend().load(exported / "onnx" / "model.onnx").close()
    assert os.environ[name] == "77"
