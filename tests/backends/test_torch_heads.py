"""Decoders with a head of ours: the logits of transformers' own, whatever the padding, the prefix and the threads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from secondpass.backends.base import PREFIX
from secondpass.backends.network import Network, Projection
from secondpass.backends.torch import prefix as prefixes
from secondpass.backends.torch.backend import TorchBackend
from secondpass.backends.torch.graph import TorchGraph
from secondpass.backends.torch.headed import Headed
from secondpass.backends.torch.heads import LinearHead
from secondpass.errors import ModelLoadError, UntrainedHead
from secondpass.models import decoders

VOCABULARY, WINDOW = 97, 8
ROWS = (11, 7)
LENGTHS = (5, 23, 14, 1)
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
}
LINEAR = {
    "layer_types": ["linear_attention", "linear_attention", "full_attention"],
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
CAPPED = {"final_logit_softcapping": 2.0, "sliding_window": WINDOW, "query_pre_attn_scalar": 8}
FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "llama": {},
    "qwen2": {"tie_word_embeddings": True},
    "qwen3": {},
    "mistral": {"sliding_window": WINDOW},
    "ministral3": {"sliding_window": WINDOW},
    "gemma": {"tie_word_embeddings": True},
    "gemma2": CAPPED,
    "gemma3_text": {**CAPPED, "tie_word_embeddings": True},
    "granite": {"logits_scaling": 4.0, "embedding_multiplier": 2.0},
    "qwen3_5_text": LINEAR,
}
WRAPPED = {"gemma3": "gemma3_text", "qwen3_5": "qwen3_5_text"}
RESUMING = sorted(set(FAMILIES) - {"qwen3_5_text"})


def write(folder: Path, config: Any, kind: str = "AutoModelForCausalLM", seed: int = 0) -> Any:
    """Write a checkpoint with weights N(0, 0.25); returns transformers' module."""
    import transformers

    torch.manual_seed(seed)
    model = getattr(transformers, kind).from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.25)
    model.save_pretrained(folder)
    return model


def config_of(family: str, **others: Any) -> Any:
    from transformers import AutoConfig

    return AutoConfig.for_model(family, **{**SIZES, **FAMILIES.get(family, {}), **others})


def load(folder: Path, rows: tuple[int, ...] = ROWS, precision: Any = "fp32") -> TorchGraph:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    graph = TorchBackend(device="cpu", precision=precision).load(
        folder / "model.safetensors", decoders.network(config, None, rows)
    )
    assert isinstance(graph, TorchGraph)
    return graph


def module_of(graph: TorchGraph) -> Headed:
    found = graph._module
    assert isinstance(found, Headed)
    return found


def tokens(length: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng((seed, length)).integers(3, VOCABULARY, length)


def batch(rows: list[NDArray[np.int64]], first: NDArray[np.int64] | None = None) -> dict[str, NDArray[np.int64]]:
    """Rows padded on the right, behind a prefix where one is given."""
    length = max(map(len, rows)) + 3
    ids, mask = np.zeros((2, len(rows), length), np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)], mask[place, : len(row)] = row, 1
    nothing = np.zeros(0, np.int64)
    return {"input_ids": ids, "attention_mask": mask, PREFIX: (nothing if first is None else first)[None]}


def run(
    graph: TorchGraph, rows: list[NDArray[np.int64]], first: NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    return graph.run(batch(rows, first))["logits"]


def last_logits(model: Any, row: NDArray[np.int64]) -> NDArray[np.float32]:
    """transformers' logits of the whole vocabulary at the last of a row's tokens, by itself and without padding."""
    with torch.inference_mode():
        found: NDArray[np.float32] = model(input_ids=torch.tensor(row)[None]).logits[0, -1].float().numpy()
    return found


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_two_rows_are_the_difference_of_transformers_logits_for_any_padding(family: str, tmp_path: Path) -> None:
    model = write(tmp_path, config_of(family))
    rows = [tokens(length) for length in LENGTHS]
    whole = [last_logits(model, row) for row in rows]
    wanted = np.array([[logits[ROWS[0]] - logits[ROWS[1]]] for logits in whole])
    found = run(load(tmp_path), rows)
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    assert np.ptp(found) > 0.01
    np.testing.assert_allclose(run(load(tmp_path, ROWS[:1]), rows)[:, 0], [x[ROWS[0]] for x in whole], atol=2e-5)


@pytest.mark.parametrize("family", sorted(WRAPPED))
def test_a_model_of_images_and_text_is_read_for_its_text_alone(family: str, tmp_path: Path) -> None:
    from transformers import AutoConfig

    # transformers caps no logits of Gemma 3 with images, whatever its config.json says.
    inner = config_of(WRAPPED[family], final_logit_softcapping=None).to_dict()
    vision = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "depth": 1}
    config = AutoConfig.for_model(family, text_config=inner, vision_config=vision)
    config.tie_word_embeddings = inner["tie_word_embeddings"]
    model = write(tmp_path, config, "AutoModelForImageTextToText")
    rows = [tokens(length) for length in LENGTHS]
    wanted = [last_logits(model, row) for row in rows]
    graph = load(tmp_path)
    found = run(graph, rows)[:, 0]
    np.testing.assert_allclose(found, [x[ROWS[0]] - x[ROWS[1]] for x in wanted], atol=2e-5)
    names = {name for name, _ in module_of(graph).named_parameters()}
    assert not [name for name in names if "vis" in name]


@pytest.mark.parametrize("family", ["qwen3", "gemma2"])
def test_a_classifier_on_a_decoder_reads_the_last_real_token(family: str, tmp_path: Path) -> None:
    model = write(tmp_path, config_of(family, num_labels=1), "AutoModelForSequenceClassification")
    rows = [tokens(length) for length in LENGTHS]
    with torch.inference_mode():
        wanted = [model(input_ids=torch.tensor(row)[None]).logits[0].numpy() for row in rows]
    np.testing.assert_allclose(run(load(tmp_path, ()), rows), wanted, atol=2e-5)


@pytest.mark.parametrize("pool", ["first", "mean"])
def test_a_body_whose_tokens_see_each_other_is_not_moved_by_padding_and_not_resumed(pool: Any, tmp_path: Path) -> None:
    model = write(tmp_path, config_of("eurobert"), "AutoModel")
    head = Projection(("embed_tokens.weight",), rows=ROWS[:1], pool=pool)
    graph = TorchBackend(device="cpu", precision="fp32").load(tmp_path / "model.safetensors", Network(head=head))
    assert PREFIX not in graph.inputs
    row_of_head = model.embed_tokens.weight[ROWS[0]].detach().numpy()
    rows = [tokens(length) for length in LENGTHS]
    with torch.inference_mode():
        states = [model(input_ids=torch.tensor(row)[None]).last_hidden_state[0].numpy() for row in rows]
    wanted = [(each[0] if pool == "first" else each.mean(0)) @ row_of_head for each in states]
    np.testing.assert_allclose(graph.run(batch(rows))["logits"][:, 0], wanted, atol=2e-5)


@pytest.mark.parametrize("family", RESUMING)
def test_rows_behind_a_prefix_have_the_logits_of_the_whole(family: str, tmp_path: Path) -> None:
    write(tmp_path, config_of(family))
    graph = load(tmp_path)
    assert PREFIX in graph.inputs
    rows = [tokens(length) for length in LENGTHS]
    for length in (1, WINDOW - 1, 3 * WINDOW):  # shorter and longer than a window
        first = tokens(length, seed=1)
        wanted = run(graph, [np.concatenate((first, row)) for row in rows])
        np.testing.assert_allclose(run(graph, rows, first), wanted, atol=1e-5)


def test_a_state_that_is_no_keys_and_values_is_not_resumed(tmp_path: Path) -> None:
    write(tmp_path, config_of("qwen3_5_text"))
    assert PREFIX not in load(tmp_path).inputs


@pytest.mark.parametrize("pool", ["first", "mean"])
def test_a_head_that_reads_more_than_the_last_token_takes_no_prefix(pool: Any, tmp_path: Path) -> None:
    write(tmp_path, config_of("qwen3"))
    head = Projection(("lm_head.weight",), rows=ROWS, pool=pool)
    graph = TorchBackend(device="cpu", precision="fp32").load(tmp_path / "model.safetensors", Network(head=head))
    assert PREFIX not in graph.inputs


def test_a_prefix_is_computed_once_and_the_oldest_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, config_of("qwen3"))
    graph = load(tmp_path)
    computed: list[int] = []
    compute = prefixes._compute

    def counting(body: Any, ids: torch.Tensor) -> prefixes.States:
        computed.append(ids.shape[1])
        return compute(body, ids)

    monkeypatch.setattr(prefixes, "_compute", counting)
    for length in (4, 4, *range(5, 4 + prefixes.MOST_PREFIXES), 4, 40, 5):
        run(graph, [tokens(6)], tokens(length))
    assert computed == [4, *range(5, 4 + prefixes.MOST_PREFIXES), 40, 5]  # 4 was used last, so 5 was the oldest
    assert len(module_of(graph)._prefixes._kept) == prefixes.MOST_PREFIXES


def test_several_threads_share_prefixes_without_mixing_them(tmp_path: Path) -> None:
    write(tmp_path, config_of("gemma2"))
    graph = load(tmp_path)
    rows = [tokens(length) for length in LENGTHS]
    firsts = [tokens(20, seed=seed) for seed in range(12)]
    wanted = [run(graph, [np.concatenate((first, row)) for row in rows]) for first in firsts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda place: run(graph, rows, firsts[place % 12]), range(48)))
    for place, logits in enumerate(found):
        np.testing.assert_allclose(logits, wanted[place % 12], atol=1e-5)


class Shapes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the shape of every tensor that is computed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: set[tuple[int, ...]] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.found |= {
            tuple(each.shape)
            for each in (result if isinstance(result, tuple | list) else [result])
            if isinstance(each, torch.Tensor)
        }
        return result


def test_no_logits_of_the_vocabulary_are_ever_computed(tmp_path: Path) -> None:
    write(tmp_path, config_of("qwen3"))
    module = module_of(load(tmp_path))
    given = {name: torch.tensor(values) for name, values in batch([tokens(20), tokens(9)], tokens(5)).items()}
    with Shapes() as shapes, torch.no_grad():
        module(prefix_ids=given.pop(PREFIX), **given)
    assert (2, 1) in shapes.found  # the logits themselves: it was watched
    assert not [shape for shape in shapes.found if VOCABULARY in shape]
    assert {name for name, each in module.named_parameters() if VOCABULARY in each.shape} == {
        "body.embed_tokens.weight"
    }


def test_the_head_stays_in_fp32_on_a_body_in_bf16(tmp_path: Path) -> None:
    write(tmp_path, config_of("qwen3"))
    graph, exact = load(tmp_path, precision="bf16"), load(tmp_path)
    module = module_of(graph)
    assert {each.dtype for each in module.body.parameters()} == {torch.bfloat16}
    assert {each.dtype for each in module.head.parameters()} == {torch.float32}
    rows = [tokens(length) for length in LENGTHS]
    found, wanted = run(graph, rows), run(exact, rows)
    assert 0 < np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()
    assert any(value != torch.tensor(value).bfloat16().item() for value in found[:, 0])  # not rounded to bf16


def test_what_is_no_number_is_not_hidden(tmp_path: Path) -> None:
    write(tmp_path, config_of("gemma2"))
    graph = load(tmp_path)
    body: Any = module_of(graph).body
    with torch.no_grad():
        body.embed_tokens.weight[50] = float("nan")
    clean, broken = np.array([4, 5, 6]), np.array([4, 50, 6])
    found = run(graph, [clean, broken])
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()


def shard(folder: Path) -> Path:
    """The checkpoint in two files, the input's embedding in the first; the path of their index."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    files = {name: f"model-0000{1 if 'embed' in name else 2}-of-00002.safetensors" for name in tensors}
    for file in set(files.values()):
        save_file({name: tensors[name] for name in tensors if files[name] == file}, folder / file, {"format": "pt"})
    (folder / "model.safetensors").unlink()
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": files}), encoding="utf-8")
    return index


def test_an_output_of_its_own_is_found_in_a_later_shard_than_the_embedding(tmp_path: Path) -> None:
    model = write(tmp_path, config_of("qwen3"))
    told = Network(head=Projection(("lm_head.weight", "model.embed_tokens.weight"), rows=ROWS))
    graph = TorchBackend(device="cpu", precision="fp32").load(shard(tmp_path), told)
    whole = last_logits(model, tokens(9))
    found = graph.run(batch([tokens(9)]))["logits"]
    np.testing.assert_allclose(found[0, 0], whole[ROWS[0]] - whole[ROWS[1]], atol=2e-5)


def test_a_row_beyond_the_vocabulary_and_a_head_without_weights_are_refused(tmp_path: Path) -> None:
    write(tmp_path, config_of("qwen3"))
    path = tmp_path / "model.safetensors"
    with pytest.raises(ModelLoadError, match=rf"{VOCABULARY} rows in lm_head.weight.*row 500"):
        LinearHead(path, Projection(("lm_head.weight",), rows=(500,)))
    with pytest.raises(UntrainedHead, match=r"score\.weight"):
        LinearHead(path, Projection(("score.weight",)))
