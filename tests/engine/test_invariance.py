"""A pair's logit is the same alone and in any batch: every family and backend, in batches that the engine makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from secondpass.backends.base import Backend
from secondpass.backends.choose import Format, choose
from secondpass.backends.network import Network, Projection
from secondpass.engine.engine import Engine
from secondpass.models.embedded.scorer import EmbeddedScorer
from secondpass.models.files import resolve
from secondpass.models.pair import PairModel
from secondpass.models.prompt import PromptModel
from secondpass.models.prompt_recipe import answer_rows, find_recipe
from secondpass.models.scorer import PairScorer, Piece
from secondpass.text.encode import Limits, TextEncoder
from tests import checkpoints, decoders

BACKENDS = ("torch", "torch packed", "onnxruntime", "openvino")
QUERY = "who wrote the book?"
TEXT = " ".join(checkpoints.SENTENCES) * 3
DOCUMENTS = ("", "   ", *(" ".join(TEXT.split()[at % 7 :][:at]) for at in range(1, 61)))
"""Nothing, blanks, and 1 to 60 words; the longest are cut at the model's last position."""

TOLERANCE = 1e-4
EMBEDDED_TOLERANCE = 0.02  # its weights are int8

any_batch = settings(
    max_examples=5, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module", params=sorted(checkpoints.FAMILIES))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="torch is not installed")
    return checkpoints.write_checkpoint(tmp_path_factory.mktemp(request.param), request.param)


def ready(name: str) -> Backend:
    pytest.importorskip(name.partition(" ")[0])
    if name == "torch packed":
        from secondpass.backends.torch.backend import TorchBackend

        return TorchBackend(2, "fp32", "cpu", packed=True)
    return choose(name, "fp32", 2, "cpu")


@dataclass(frozen=True, slots=True)
class Alone:
    """A scorer, the pieces of its documents, and the logit that each has by itself."""

    scorer: PairScorer
    pieces: list[Piece]
    logits: NDArray[np.float32]

    @classmethod
    def of(cls, scorer: PairScorer, documents: Sequence[str]) -> Alone:
        readings = scorer.read(QUERY, None, Limits())(documents)
        pieces = [piece for reading in readings for piece in reading.pieces]
        logits = np.array([scorer.logits([piece])[0] for piece in pieces])
        assert np.ptp(logits) > 0.01  # else nothing would show
        return cls(scorer, pieces, logits)

    def check(self, seed: int, budget: int, streams: int, tolerance: float) -> None:
        """Against all pieces in another order: in the engine's batches, and in one."""
        order = np.random.default_rng(seed).permutation(len(self.pieces))
        shuffled = [self.pieces[i] for i in order]
        engine = Engine(streams=streams, budget=budget)
        batched = engine.run(shuffled, self.scorer.logits)
        engine.close()
        for found in (batched, self.scorer.logits(shuffled)):
            np.testing.assert_allclose(found, self.logits[order], rtol=0, atol=tolerance)


@pytest.fixture(scope="module", params=BACKENDS)
def alone(request: pytest.FixtureRequest, folder: Path) -> Iterator[Alone]:
    backend = ready(request.param)
    readable: Sequence[Format] = ("safetensors",) if request.param.startswith("torch") else ("onnx",)
    model = PairModel(resolve(folder, precision="fp32", readable=readable), backend)
    yield Alone.of(model, DOCUMENTS)
    model.close()


@pytest.fixture(scope="module", params=["onnxruntime", "openvino"])
def embedded(request: pytest.FixtureRequest) -> Iterator[Alone]:
    pytest.importorskip(request.param)
    model = EmbeddedScorer(choose(request.param, "fp32", 2))
    yield Alone.of(model, DOCUMENTS[::3])
    model.close()


@any_batch
@given(seed=st.integers(0, 1000), budget=st.sampled_from([64, 300, 1024, 16384]), streams=st.integers(1, 3))
def test_a_pair_has_the_logit_that_it_has_alone(alone: Alone, seed: int, budget: int, streams: int) -> None:
    alone.check(seed, budget, streams, TOLERANCE)


@pytest.fixture(scope="module", params=["torch", "torch packed"])
def prompted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    pytest.importorskip("torch", reason="torch is not installed")
    folder = decoders.write_decoder(tmp_path_factory.mktemp("qwen3"), "qwen3")
    checkpoint = resolve(folder, readable=("safetensors",))
    recipe = find_recipe("qwen3-reranker")
    rows = answer_rows(recipe, TextEncoder.from_file(folder / "tokenizer.json"))
    network = Network(head=Projection(("lm_head.weight", "model.embed_tokens.weight"), rows=rows))
    model = PromptModel(checkpoint, ready(request.param), network, recipe)
    yield Alone.of(model, DOCUMENTS[::6])
    model.close()


@any_batch
@given(seed=st.integers(0, 1000), budget=st.sampled_from([300, 16384]), streams=st.integers(1, 2))
def test_a_decoder_behind_a_shared_prompt_does_too(prompted: Alone, seed: int, budget: int, streams: int) -> None:
    prompted.check(seed, budget, streams, TOLERANCE)


@any_batch
@given(seed=st.integers(0, 1000), budget=st.sampled_from([64, 1024]), streams=st.integers(1, 2))
def test_the_embedded_model_does_too(embedded: Alone, seed: int, budget: int, streams: int) -> None:
    embedded.check(seed, budget, streams, EMBEDDED_TOLERANCE)
