"""How a checkpoint's weights become a graph: what torch builds from them, and where the logits are read.

Data only, under the names that the checkpoint's own files use. Knows nothing of queries, documents and prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from secondpass.errors import ModelLoadError

Pool = Literal["first", "last", "mean"]
"""Which of a row's real tokens a head reads: the first one, the last one, or the mean of all."""


@dataclass(frozen=True, slots=True)
class Rename:
    """Weights whose names match `pattern` (a regular expression, all of it) are called `to`, with its groups filled in.

    Of several names each gets an equal share of the rows, in order, as where one matrix holds query, key and value. No
    name at all leaves the weight out.
    """

    pattern: str
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """The transformer: as config.json and the weights' names say, but for what is told here.

    `settings` replace or add to fields of config.json, `model_type` among them; `renames` are tried in order and the
    first that matches counts. `attention` "bidirectional" lets every token see every other in an architecture that is
    causal by itself. Of an architecture with an encoder and a decoder, `part` "encoder" leaves the decoder out, and
    `start` is the token that its decoder is given, alone: heads then read the decoder's state, the only one of a row.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    renames: tuple[Rename, ...] = ()
    attention: Literal["own", "bidirectional"] = "own"
    part: Literal["whole", "encoder"] = "whole"
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Classifier:
    """The classification head that transformers has for an encoder's architecture."""


@dataclass(frozen=True, slots=True)
class Projection:
    """A linear head on one pooled state, computed in fp32.

    `weight` lists names of one matrix, shape (rows, hidden), the first that is in the files counts: a model that ties
    its output to its input has the latter alone. `rows` takes those rows only: of one, its logit; of two, the first
    minus the second; None takes all, one label each. `softcap` c makes logits c·tanh(x / c) before that difference;
    `divisor` divides what comes out.
    """

    weight: tuple[str, ...]
    bias: tuple[str, ...] = ()
    rows: tuple[int, ...] | None = None
    pool: Pool = "last"
    softcap: float | None = None
    divisor: float = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """One module of sentence-transformers behind the transformer: `kind` as its class is called, and its folder."""

    kind: Literal["Pooling", "Dense", "LayerNorm", "Normalize"]
    folder: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Modules of sentence-transformers, in order, each with its own config.json and weights.

    The first is a Pooling unless `pool` says how a row's states become one.
    """

    steps: tuple[Step, ...]
    pool: Pool | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """The state of every token, shape (rows, length, size), in fp32.

    Through the matrix of the first of the names in `weight` that is in the files, shape (size, hidden), then through
    `steps`. `unattended`: rows have tokens that the mask hides from all others, and whose states are read as well.
    """

    weight: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    unattended: bool = False


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A weight for each entry of the vocabulary, shape (rows, vocabulary), in fp32, from a masked language model.

    log(1 + max(0, logit)) of each token, or log(1 + that) where `twice`, joined over a row's tokens (Formal et al.,
    SPLADE v2, arXiv 2109.10086).
    """

    pool: Literal["max", "sum"] = "max"
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of a head. `name` is what its weights' names begin with; a linear map has a bias where the files have
    one."""

    kind: Literal["Linear", "LayerNorm", "ReLU"]
    name: str = ""
    eps: float = 1e-5


@dataclass(frozen=True, slots=True)
class Layers:
    """Steps that the checkpoint's own weights hold, computed in fp32: on one pooled state a row, which gives logits.

    `pool` None computes them on the state of each token that the caller marks (`base.MARKS`): a vector each.
    """

    layers: tuple[Layer, ...]
    pool: Pool | None = "first"


@dataclass(frozen=True, slots=True)
class Compression:
    """Before each of `layers`, counted from 0, every `ratio` tokens of the document become one, their mean.

    The query and the prompt behind the document stay; so does all before layer 0, and all where the ratio is 1.
    """

    ratio: int
    layers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """A body, the head on it, a LoRA adapter's folder, merged into both, and how the body shortens documents."""

    body: Body = field(default_factory=Body)
    head: Classifier | Projection | Chain | Layers | Tokens | Vocabulary = field(default_factory=Classifier)
    adapter: Path | None = None
    compression: Compression | None = None


_POOLS: Mapping[str | None, Pool] = {"cls": "first", "mean": "mean", "lasttoken": "last"}
_POOL_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "lasttoken",
}


def pool_mode(config: Mapping[str, Any], path: Path) -> Pool:
    """What the config.json at `path` of a Pooling module names, in its present form or in the older one of flags.

    Raises `ModelLoadError` for a way of pooling that is not known here.
    """
    mode = config.get("pooling_mode") or next((named for flag, named in _POOL_FLAGS.items() if config.get(flag)), None)
    mode = mode[0] if isinstance(mode, list) and len(mode) == 1 else mode
    if isinstance(mode, list) or mode not in _POOLS:
        raise ModelLoadError(f"{path} pools by {mode!r}, where one of 'cls', 'mean' and 'lasttoken' is expected.")
    return _POOLS[mode]
