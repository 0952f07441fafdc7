"""The embedded model's encoder alone, its gate left aside: MaxSim over its token states, or the cosine of their means.

What is computed of documents is the same as for the whole model; these are the plain comparisons that it is made from.
"""

from __future__ import annotations

from pathlib import Path

from secondpass.backends.base import Backend
from secondpass.backends.network import Network
from secondpass.errors import InputError
from secondpass.models.bi_encoder import Product
from secondpass.models.embedded.scorer import ENCODER, FOLDER, LANGUAGES, MAX_TOKENS, TOKENIZER
from secondpass.models.files import Checkpoint
from secondpass.models.late import LENGTHS, MaxSim
from secondpass.models.memory import Memory
from secondpass.models.recipe import read_json
from secondpass.models.separate import SeparateModel, Separation
from secondpass.models.side import Side
from secondpass.models.template import read_single

NAMES = ("embedded-cosine", "embedded-maxsim")
"""What its two comparisons are called."""


def embedded_apart(
    name: str, backend: Backend, *, remember_mb: int | None = None, folder: Path = FOLDER
) -> SeparateModel:
    """The encoder in `folder` by one of `NAMES`; `remember_mb` as for `load_scorer`. Raises `InputError`."""
    if name not in NAMES:
        raise InputError(f"{name!r}: the embedded model's encoder is called {' or '.join(NAMES)}.")
    before, after = read_single(read_json(folder / TOKENIZER))
    side = Side(before, after, limit=MAX_TOKENS, longest=MAX_TOKENS)
    late = name == NAMES[1]
    separation = Separation(
        side,
        side,
        MaxSim() if late else Product(unit=True, pool="mean"),
        scale=float(LENGTHS[0]) if late else 1.0,
        onnx=True,
        languages=LANGUAGES,
    )
    graph = folder / ENCODER
    checkpoint = Checkpoint(name, folder, graph, "int8", f"{ENCODER}, which came with the package")
    memory = None if remember_mb is None else Memory(remember_mb * 2**20)
    return SeparateModel(checkpoint, backend, Network(), separation, memory=memory)
