"""The same data through every backend: what `base` promises of all of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secondpass.backends.base import named
from secondpass.errors import InputError, ModelError, ModelLoadError
from tests.backends.conftest import Loaded, rows
from tests.checkpoints import MAX_TOKENS

shared_graph = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def test_the_graph_names_its_inputs_and_outputs(loaded: Loaded) -> None:
    assert set(loaded.graph.inputs) == {"input_ids", "attention_mask", "token_type_ids"}
    assert loaded.graph.outputs == ("logits",)


def test_logits_are_float32_one_a_row_and_differ_between_pairs(loaded: Loaded) -> None:
    logits = loaded.graph.run(rows([12, 30, 7]))["logits"]
    assert logits.dtype == np.float32
    assert logits.shape == (3, 1)
    assert logits.std() > 0.01


@shared_graph
@given(
    lengths=st.lists(st.integers(4, 40), min_size=1, max_size=8),
    giant=st.integers(41, MAX_TOKENS),
    seed=st.integers(0, 1000),
)
def test_a_logit_is_the_same_alone_shuffled_and_beside_a_giant(
    loaded: Loaded, lengths: list[int], giant: int, seed: int
) -> None:
    batch = rows([*lengths, giant], seed)
    together = loaded.graph.run(batch)["logits"][:-1, 0]
    order = np.random.default_rng(seed).permutation(len(lengths) + 1)
    shuffled = np.empty(len(order), np.float32)
    shuffled[order] = loaded.graph.run({name: value[order] for name, value in batch.items()})["logits"][:, 0]
    alone = [
        loaded.graph.run({name: value[row : row + 1, :length] for name, value in batch.items()})["logits"].item()
        for row, length in enumerate(lengths)
    ]
    np.testing.assert_allclose(together, alone, rtol=0, atol=loaded.tolerance)
    np.testing.assert_allclose(shuffled[:-1], alone, rtol=0, atol=loaded.tolerance)


def test_what_a_run_returned_is_not_changed_by_the_next(loaded: Loaded) -> None:
    first = loaded.graph.run(rows([10, 20]))["logits"]
    kept = first.copy()
    loaded.graph.run(rows([10, 20], seed=1))
    np.testing.assert_array_equal(first, kept)


def test_inputs_are_not_changed_and_others_are_ignored(loaded: Loaded) -> None:
    batch = rows([10, 20])
    before = {name: value.copy() for name, value in batch.items()}
    plain = loaded.graph.run(batch)["logits"]
    more = loaded.graph.run({**batch, "unread": np.zeros(3)})["logits"]
    np.testing.assert_array_equal(plain, more)
    for name, value in before.items():
        np.testing.assert_array_equal(batch[name], value)


def test_threads_that_run_at_once_get_what_they_would_alone(loaded: Loaded) -> None:
    batches = [rows([5 + i % 7, 20 + i % 30], seed=i) for i in range(40)]
    alone = [loaded.graph.run(batch)["logits"] for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda batch: loaded.graph.run(batch)["logits"], batches))
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)


def test_a_missing_input_is_named(loaded: Loaded) -> None:
    batch = rows([10])
    del batch["token_type_ids"]
    with pytest.raises(InputError, match=r"input_ids, attention_mask.*token_type_ids: add it"):
        loaded.graph.run(batch)


def test_a_closed_graph_says_so_and_closes_twice(loaded: Loaded) -> None:
    loaded.graph.close()
    loaded.graph.close()
    with pytest.raises(ModelError, match="closed"):
        loaded.graph.run(rows([10]))


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x0a\x12\xff\xff"], ids=["empty", "text", "broken"])
def test_a_file_that_is_no_graph_is_refused_by_name(loaded: Loaded, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelLoadError, match=r"model\.onnx"):
        loaded.backend.load(path)


def test_a_file_that_is_not_there_is_refused_by_name(loaded: Loaded, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"nowhere\.onnx is not there"):
        loaded.backend.load(tmp_path / "nowhere.onnx")


def test_nothing_is_printed(loaded: Loaded, capfd: pytest.CaptureFixture[str]) -> None:
    graph = loaded.backend.load(loaded.path)
    graph.run(rows([10]))
    graph.close()
    assert capfd.readouterr() == ("", "")


def test_capabilities_tell_streams_version_and_reason(loaded: Loaded) -> None:
    told = loaded.backend.capabilities
    assert told.streams == 2
    assert told.precision in ("fp32", "bf16")
    assert told.version[0].isdigit()
    assert told.name in told.reason
    assert ("2 streams" if told.name == "torch" else "2 single-threaded streams") in told.reason


def test_named_keeps_the_inputs_and_lists_all_that_are_missing() -> None:
    given = {"a": np.zeros(1), "b": np.zeros(1)}
    assert list(named(given, ("b",))) == ["b"]
    with pytest.raises(InputError, match="c, d"):
        named(given, ("a", "c", "d"))
    with pytest.raises(InputError, match="no tensor"):
        named({}, ("a",))
