"""What is onnxruntime's own: bounded memory, forks, its errors."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.backends.interpreter import run_python

BATCH = """
import sys
from pathlib import Path
import numpy as np
from secondpass.backends.onnx import OnnxBackend

def batch(rows, length):
    ids = np.full((rows, length), 7)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}

graph = OnnxBackend(streams=2).load(Path(sys.argv[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
def test_a_graph_computes_the_same_in_a_forked_child(exported: Path) -> None:
    body = """
import os
mine = graph.run(batch(2, 16))["logits"]
child = os.fork()
if child == 0:
    sys.exit(0 if np.array_equal(graph.run(batch(2, 16))["logits"], mine) else 1)
print(os.waitpid(child, 0)[1])
"""
    assert run_python(BATCH + body, exported / "onnx" / "model_int8.onnx") == "0\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory from /proc")
def test_memory_does_not_grow_with_the_number_of_shapes(exported: Path) -> None:
    body = """
def meet(shapes):
    for rows, length in shapes:
        graph.run(batch(rows, length))
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

first = meet((rows, length) for rows in (1, 5, 9) for length in range(4, 65, 2))
second = meet((rows, length) for rows in range(1, 10) for length in range(4, 65))
print(second - first)
"""
    assert float(run_python(BATCH + body, exported / "onnx" / "model_int8.onnx")) < 5


def test_a_runtime_that_cannot_be_imported_is_a_typed_error() -> None:
    body = """
    import sys
    sys.modules["onnxruntime"] = None  # importing it raises ImportError
    from pathlib import Path
    from secondpass.backends.onnx import OnnxBackend
    from secondpass.errors import ModelError
    try:
        OnnxBackend().load(Path("model.onnx"))
    except ModelError as error:
        print(error)
    """
    assert "pip install onnxruntime" in run_python(body)


def test_nothing_is_reported_to_the_makers_of_the_runtime() -> None:
    body = """
    import os
    os.environ.pop("ORT_DISABLE_TELEMETRY", None)
    from secondpass.backends.onnx import import_onnxruntime
    import_onnxruntime()
    print(os.environ["ORT_DISABLE_TELEMETRY"])
    """
    assert run_python(body) == "1\n"
