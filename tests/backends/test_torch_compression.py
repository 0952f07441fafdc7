"""Documents that are shortened between layers: which tokens are joined, and that neighbours do not matter."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from secondpass.backends.network import Compression
from secondpass.backends.torch.compression import Compressed, shorten
from secondpass.errors import ModelLoadError

Row = tuple[int, int, int]
"""The tokens of a query, a document and a prompt."""


def padded(rows: list[Row], width: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """States 1, 2, 3… in each row, of one dimension, padded with what must not be read; their mask; the lengths."""
    length = max(width, *map(sum, rows))
    states = torch.full((len(rows), length, 1), float("inf"))
    mask = torch.zeros(len(rows), length, dtype=torch.long)
    for place, row in enumerate(rows):
        states[place, : sum(row), 0] = torch.arange(1, sum(row) + 1)
        mask[place, : sum(row)] = 1
    return states, mask, torch.tensor([row[0] for row in rows]), torch.tensor([row[2] for row in rows])


def test_of_a_document_groups_become_their_mean_and_the_last_one_is_its_real_tokens() -> None:
    states, mask = shorten(*padded([(2, 5, 1), (1, 1, 1)]), 2)
    assert states[0, :, 0].tolist() == [1, 2, 3.5, 5.5, 7, 8]
    assert states[1, :3, 0].tolist() == [1, 2, 3]
    assert mask.tolist() == [[1] * 6, [1, 1, 1, 0, 0, 0]]


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 20), st.integers(1, 4)), min_size=1, max_size=4),
    st.sampled_from([1, 2, 4, 8]),
    st.integers(0, 40),
)
@settings(deadline=None)
def test_query_and_prompt_stay_whatever_is_beside_them(rows: list[Row], ratio: int, width: int) -> None:
    states, mask = shorten(*padded(rows, width), ratio)
    for place, (query, document, prompt) in enumerate(rows):
        count = query + -(-document // ratio) + prompt
        own = states[place, :count, 0]
        assert int(mask[place].sum()) == count
        assert own[:query].tolist() == list(range(1, query + 1))
        assert own[-prompt:].tolist() == list(range(query + document + 1, query + document + prompt + 1))
        assert torch.isfinite(own).all()


def test_only_the_architecture_that_was_trained_so_is_shortened() -> None:
    from transformers import LlamaConfig, LlamaModel

    config = LlamaConfig(vocab_size=5, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2)
    with pytest.raises(ModelLoadError, match="asked of a llama"):
        Compressed(LlamaModel(config), torch.nn.Identity(), Compression(2, (1,)))
