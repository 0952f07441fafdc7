"""How a checkpoint's weights become a graph: what torch builds from them, and where the logits are read.

Data only, under the names that the checkpoint's own files use. Knows nothing of queries, documents and prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

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
    causal by itself.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    renames: tuple[Rename, ...] = ()
    attention: Literal["own", "bidirectional"] = "own"


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

    kind: Literal["Pooling", "Dense", "LayerNorm"]
    folder: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Modules of sentence-transformers, in order, each with its own config.json and weights."""

    steps: tuple[Step, ...]


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
    head: Classifier | Projection | Chain = field(default_factory=Classifier)
    adapter: Path | None = None
    compression: Compression | None = None
