"""Weights of terms from masked language models: what is computed in slices is what the whole model gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secondpass.backends.network import Network, Vocabulary
from tests.apart import write_body

torch = pytest.importorskip("torch", reason="torch is not installed")

IDS = np.array([[2, 9, 8, 7, 3], [2, 6, 3, 0, 0]])
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def weights(folder: Path, told: Vocabulary, precision: Any = "fp32") -> Any:
    from secondpass.backends.torch.backend import TorchBackend

    graph = TorchBackend(precision=precision, device="cpu").load(folder / "model.safetensors", Network(head=told))
    found = graph.run({"input_ids": IDS, "attention_mask": MASK, "token_type_ids": np.zeros_like(IDS)})["logits"]
    graph.close()
    return found


def by_hand(folder: Path, told: Vocabulary) -> Any:
    from transformers import AutoModelForMaskedLM

    model: Any = AutoModelForMaskedLM.from_pretrained(str(folder)).eval()
    rows = []
    for ids, mask in zip(IDS, MASK, strict=True):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor(ids[mask == 1])[None]).logits[0]
        each = torch.log1p(torch.relu(logits))
        each = torch.log1p(each) if told.twice else each
        rows.append(each.amax(0) if told.pool == "max" else each.sum(0))
    return torch.stack(rows).numpy()


@pytest.mark.parametrize("most", [2**24, 300, 1])
@pytest.mark.parametrize("told", [Vocabulary(), Vocabulary("sum"), Vocabulary("max", twice=True)], ids=str)
def test_slices_of_any_size_give_the_whole(
    tmp_path: Path, told: Vocabulary, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_body(tmp_path, kind="AutoModelForMaskedLM")
    monkeypatch.setattr("secondpass.backends.torch.vocabulary._MOST", most)
    np.testing.assert_allclose(weights(tmp_path, told), by_hand(tmp_path, told), atol=1e-5)


@pytest.mark.parametrize("family", ["electra", "roberta", "modernbert", "deberta-v2"])
def test_every_architecture_with_a_masked_language_model_is_read(tmp_path: Path, family: str) -> None:
    write_body(tmp_path, family, kind="AutoModelForMaskedLM")
    np.testing.assert_allclose(weights(tmp_path, Vocabulary()), by_hand(tmp_path, Vocabulary()), atol=1e-4)


def test_in_bf16_the_head_is_still_computed_in_fp32(tmp_path: Path) -> None:
    write_body(tmp_path, kind="AutoModelForMaskedLM")
    found, exact = weights(tmp_path, Vocabulary(), "bf16"), weights(tmp_path, Vocabulary())
    assert 0 < np.abs(found - exact).max() < 0.1
    # A head in bf16 would give numbers with 8 bits of precision alone.
    assert (found.view(np.uint32) & 0xFFFF).any()
