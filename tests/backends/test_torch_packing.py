"""Rows packed without padding give the logits that padded rows give: every architecture on the list, on a CPU."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from secondpass.backends.base import PREFIX
from secondpass.backends.network import Body, Network, Pool, Projection

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import torch  # after the skip

from secondpass.backends.torch.attention import KERNELS, head_size_fits, packing_kernel, padded_attention
from secondpass.backends.torch.backend import TorchBackend
from secondpass.backends.torch.graph import TorchGraph
from secondpass.backends.torch.packing import PACKABLE, PackedBody, can_pack

LENGTHS = [9, 60, 1, 33, 17, 41]  # together more than any of these models has positions
PAD = 1
_SIZES = {
    "vocab_size": 120,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64 + PAD + 1,
    "pad_token_id": PAD,
    "bos_token_id": 2,
    "eos_token_id": 3,
    "num_labels": 1,
}
_GROUPED: dict[str, Any] = {"num_key_value_heads": 2, "head_dim": 8}
_MODERNBERT = {"local_attention": 16, "global_attn_every_n_layers": 2, "classifier_pooling": "mean", "cls_token_id": 2}
_WINDOW = {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}
# What config.json of each says beside the sizes: windows narrower than the rows, and fewer key heads than query heads.
CONFIGS: dict[str, dict[str, Any]] = {
    "bert": {},
    "electra": {"embedding_size": 16},
    "gemma": _GROUPED,
    "gte": {"type_vocab_size": 1},
    "llama": _GROUPED,
    "mistral": {**_GROUPED, "sliding_window": 8},
    "modernbert": {**_MODERNBERT, "sep_token_id": 3},
    "qwen2": {"num_key_value_heads": 2, **_WINDOW},
    "qwen3": {**_GROUPED, **_WINDOW},
    "roberta": {"type_vocab_size": 1},
    "xlm-roberta": {"type_vocab_size": 1},
    # These stay padded.
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0},
    "gemma2": {**_GROUPED, "sliding_window": 8, "attn_logit_softcapping": 5.0},
}
PADDED = ("deberta-v2", "gemma2")


def write(folder: Path, kind: str) -> Path:
    """A tiny classifier of the architecture `kind`, matrices drawn from N(0, 0.25); returns its weights' path."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    config = AutoConfig.for_model(kind, **(_SIZES | CONFIGS[kind]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        untyped: Any = AutoModelForSequenceClassification
        model = untyped.from_config(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.25, generator=generator)
    model.save_pretrained(folder)
    return folder / "model.safetensors"


def batch(lengths: list[int], typed: bool = True) -> dict[str, NDArray[np.int64]]:
    width = max(lengths)
    ids, mask = np.full((len(lengths), width), PAD), np.zeros((len(lengths), width), np.int64)
    for row, length in enumerate(lengths):
        ids[row, :length] = np.random.default_rng(row).integers(5, 120, length)
        mask[row, :length] = 1
    types = np.where(np.arange(width) > 5, mask, 0) if typed else np.zeros_like(mask)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def both(path: Path, network: Network | None = None) -> tuple[Any, Any]:
    """The graph packed and padded."""
    packed, padded = (TorchBackend(device="cpu", packed=packed).load(path, network) for packed in (True, False))
    return packed, padded


def difference(graphs: tuple[Any, Any], tensors: Mapping[str, NDArray[Any]]) -> float:
    packed, padded = (graph.run(tensors)["logits"] for graph in graphs)
    assert np.ptp(padded) > 0.01  # else nothing would show
    return float(np.abs(packed - padded).max())


def head(path: Path, pool: Pool) -> Network:
    """A head that reads two rows of the matrix of token embeddings."""
    matrices = ("bert.embeddings.word_embeddings.weight", "model.embeddings.tok_embeddings.weight")
    return Network(head=Projection((*matrices, "model.embed_tokens.weight"), rows=(7, 9), pool=pool))


def test_every_architecture_on_the_list_is_tested_here() -> None:
    assert set(PACKABLE) == set(CONFIGS) - set(PADDED)


@pytest.mark.parametrize("kind", sorted(PACKABLE))
def test_packed_rows_get_the_logits_of_padded_ones(kind: str, tmp_path: Path) -> None:
    graphs = both(write(tmp_path, kind))
    assert [graph.attention for graph in graphs] == ["packed", "sdpa"]
    assert difference(graphs, batch(LENGTHS)) <= 1e-5
    assert difference(graphs, batch([20, 21])) <= 1e-5


@pytest.mark.parametrize("kind", PADDED)
def test_other_architectures_are_padded_though_packing_is_asked_for(kind: str, tmp_path: Path) -> None:
    graphs = both(write(tmp_path, kind))
    assert graphs[0].attention == "eager"  # neither has another in transformers
    assert difference(graphs, batch(LENGTHS)) == 0


@pytest.mark.parametrize("pool", ["first", "last", "mean"])
@pytest.mark.parametrize("kind", ["bert", "modernbert", "qwen3"])
def test_a_head_of_ours_reads_packed_states_as_it_reads_padded_ones(kind: str, pool: Pool, tmp_path: Path) -> None:
    path = write(tmp_path, kind)
    graphs = both(path, head(path, pool))
    assert difference(graphs, {PREFIX: np.zeros((1, 0), np.int64), **batch(LENGTHS)}) <= 1e-5


def test_rows_behind_a_prefix_are_padded(tmp_path: Path) -> None:
    path = write(tmp_path, "qwen3")
    graphs = both(path, head(path, "last"))
    prefix = {PREFIX: np.arange(10, 22)[None]}
    assert PREFIX in graphs[0].inputs
    assert difference(graphs, prefix | batch([5, 40, 13])) <= 1e-5


def test_a_body_that_is_made_bidirectional_is_padded(tmp_path: Path) -> None:
    path = write(tmp_path, "llama")
    told = Network(body=Body(attention="bidirectional"), head=head(path, "mean").head)
    graphs = both(path, told)
    assert graphs[0].attention == "sdpa"
    assert difference(graphs, batch(LENGTHS)) == 0


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
def test_a_padding_token_in_a_text_keeps_its_place(kind: str, tmp_path: Path) -> None:
    tensors = batch(LENGTHS)
    tensors["input_ids"][3, 10:14] = PAD
    assert difference(both(write(tmp_path, kind)), tensors) <= 1e-5


def test_only_real_tokens_are_computed(tmp_path: Path) -> None:
    packed, _ = both(write(tmp_path, "bert"))
    seen: list[tuple[int, ...]] = []
    module: Any = packed._module
    module.model.bert.body.embeddings.register_forward_hook(lambda _module, _given, found: seen.append(found.shape))
    packed.run(batch(LENGTHS))
    assert seen == [(1, sum(LENGTHS), 32)]


def test_a_batch_that_does_not_fit_is_halved_packed_too(tmp_path: Path) -> None:
    packed, padded = both(write(tmp_path, "bert"))
    module: Any = packed._module

    def short(_module: Any, given: tuple[torch.Tensor, ...], keywords: dict[str, torch.Tensor]) -> None:
        if keywords["input_ids"].shape[1] > 70:
            raise torch.OutOfMemoryError

    module.model.bert.body.register_forward_pre_hook(short, with_kwargs=True)
    assert difference((packed, padded), batch(LENGTHS)) <= 1e-5


def test_on_a_cpu_rows_are_padded_unless_packing_is_asked_for(tmp_path: Path) -> None:
    graph = TorchBackend(device="cpu").load(write(tmp_path, "bert"))
    assert isinstance(graph, TorchGraph)
    assert graph.attention == "sdpa"
    assert packing_kernel(torch.device("cpu"), torch.bfloat16) is None


def test_fp32_has_no_kernel_on_any_device() -> None:
    assert packing_kernel(torch.device("cuda"), torch.float32) is None


@pytest.mark.parametrize(("size", "fits"), [(64, True), (32, True), (256, True), (36, False), (512, False)])
def test_heads_that_flash_attention_cannot_compute_are_known(size: int, fits: bool) -> None:
    from transformers import AutoConfig

    assert head_size_fits(AutoConfig.for_model("bert", hidden_size=size * 2, num_attention_heads=2)) is fits


def test_a_device_without_flash_attention_keeps_what_transformers_chose(tmp_path: Path) -> None:
    _, padded = both(write(tmp_path, "bert"))
    module: Any = padded._module
    assert padded_attention(module.model.bert, torch.device("cpu"), torch.bfloat16, masked=False) == "sdpa"


def test_a_body_of_an_older_transformers_is_not_packed(tmp_path: Path) -> None:
    _, padded = both(write(tmp_path, "bert"))
    body: Any = padded._module.model.bert
    assert can_pack(body, torch.device("cpu"), torch.float32, forced=True)
    assert not can_pack(body, torch.device("cpu"), torch.float32)
    body._supports_attention_backend = False
    assert not can_pack(body, torch.device("cpu"), torch.float32, forced=True)


def test_states_of_padding_are_zero(tmp_path: Path) -> None:
    from transformers import AutoModel

    body = PackedBody(AutoModel.from_pretrained(str(write(tmp_path, "bert").parent)).eval())
    tensors = {name: torch.tensor(values) for name, values in batch([4, 2]).items()}
    with torch.inference_mode():
        states = body(**tensors).last_hidden_state
    assert states.shape == (2, 4, 32)
    assert states[1, 2:].abs().max() == 0
    assert states[1, :2].abs().min() > 0


@pytest.mark.parametrize("seen", [(-1, -1), (-1, 0), (7, 7), (7, 0)], ids=["all", "causal", "window", "causal window"])
def test_the_loop_is_attention_under_a_mask_of_blocks(seen: tuple[int, int]) -> None:
    query, key, value = (torch.randn(sum(LENGTHS), heads, 8) for heads in (4, 2, 2))
    ends = torch.tensor([0, *np.cumsum(LENGTHS)], dtype=torch.int32)
    row = torch.repeat_interleave(torch.arange(len(LENGTHS)), torch.tensor(LENGTHS))
    place = torch.arange(sum(LENGTHS))
    ahead = place[None] - place[:, None]
    visible = (row[None] == row[:, None]) & (ahead >= (-seen[0] if seen[0] >= 0 else -999))
    visible &= ahead <= (seen[1] if seen[1] >= 0 else 999)
    scores = torch.einsum("qhd,khd->hqk", query, key.repeat_interleave(2, 1)) * 0.3
    weights = scores.masked_fill(~visible, float("-inf")).softmax(-1)
    expected = torch.einsum("hqk,khd->qhd", weights, value.repeat_interleave(2, 1))
    found = KERNELS[None](query, key, value, ends, max(LENGTHS), 0.3, seen)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("seen", [(-1, -1), (-1, 0), (7, 7), (7, 0)], ids=["all", "causal", "window", "causal window"])
def test_torchs_kernel_takes_what_it_is_given(seen: tuple[int, int]) -> None:
    query, key, value = (
        torch.empty(sum(LENGTHS), heads, 8, dtype=torch.bfloat16, device="meta") for heads in (4, 2, 2)
    )
    ends = torch.empty(len(LENGTHS) + 1, dtype=torch.int32, device="meta")
    assert KERNELS["torch"](query, key, value, ends, max(LENGTHS), 0.3, seen).shape == query.shape
