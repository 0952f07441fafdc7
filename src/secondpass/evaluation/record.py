"""What the evaluation of one model on one collection found: what reports are made from. Knows values, no models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from secondpass.evaluation.speed import Timing

NO_RERANKING = "no reranking"
"""The name of the record that keeps the first stage's order."""

CEILING = "ceiling"
"""The name of the record that puts the relevant candidates first: recall of the first stage, in the measure's terms."""

RANDOM = "random order"
"""The name of the record that has what all orders of the candidates give on average."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """What has to be the same for two numbers to be compared.

    `first_stage` found `depth` candidates for each of `queries` queries of `collection`, drawn with `seed` where they
    are a sample (None for all). `digest`: of the collection's content and the candidates.
    """

    collection: str
    first_stage: str
    depth: int
    queries: int
    seed: int | None
    digest: str


@dataclass(frozen=True, slots=True)
class Record:
    """One model under one protocol.

    `version`: the model's, "" for the two records that are no models. `values`: measure (as ir_measures names it) →
    query id → value. `run`: query id → document id → logit, the candidates in the model's order. `timings`: query id →
    what it took, where it was measured. `truncated`: query id → the documents that were not read whole. `peak_mib`: the
    most memory that the process held. `tied`: queries whose values hang on the order of equal logits (`ties.Ties`).
    """

    protocol: Protocol
    model: str
    version: str
    values: Mapping[str, Mapping[str, float]]
    run: Mapping[str, Mapping[str, float]]
    timings: Mapping[str, Timing]
    truncated: Mapping[str, tuple[str, ...]]
    peak_mib: float | None = None
    tied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything about one evaluation. Records go by model, and within a model by collection.

    `measures`: as ir_measures names them, the first one the most important. `models`: in the order that they were asked
    for; the two records that are no models are left out. `seed`: of the sample. `started`: when the first query was
    scored, in UTC. `machine` and `versions`: where that was, and with which packages.
    """

    records: tuple[Record, ...]
    measures: tuple[str, ...]
    models: tuple[str, ...]
    seed: int
    command: str
    started: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
