"""Trains the gate: the small network that weighs similarity and lexical evidence into one logit.

Listwise contrastive loss on hard lists, plus a little pointwise loss that gives the logit its zero.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from secondpass.models.embedded.evidence import FEATURES
from secondpass.models.embedded.similarity import NAMES

INPUTS = (*FEATURES, *NAMES)
HIDDEN = 32
POINTWISE = 0.2
REPORT_SETS = (
    "cranfield", "med", "cacm", "time", "trecqa", "covidqa_passages", "liveqa_med", "afriqa", "sealtools_out",
    "apibench", "spider_dev", "product_match_abt_buy", "csfcube",
)  # fmt: skip
# How much each collection counts; others 1. Prose questions weigh most, as they are what people ask.
WEIGHT = {
    "medquad": 3, "medquad_instruct": 1.5, "medquad_source": 0.5, "medquad_long": 2, "covid_faq": 2, "spider_train": 1,
    "sealtools_in": 1, "metatool": 1, "wdc_products": 1, "product_match_amazon_google": 0.5,
    "product_match_walmart_amazon": 0.5, "jaquad_train": 0.5, "cmrc2018_dev_trial": 0.3, "drcd_dev": 0.3, "arcd": 0.5,
    "iapp_thai": 0.3, "msdocs_parallel": 1, "python_stdlib": 2, "medquad_halves": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lists:
    """Padded lists: `inputs` (lists, longest, features), `grades` (lists, longest), −1 where a list is shorter."""

    name: str
    inputs: NDArray[np.float32]
    grades: NDArray[np.float32]
    ideal: NDArray[np.float32]

    @classmethod
    def read(cls, lists: Path, states: Path) -> Lists:
        rows = json.loads(lists.read_text())["lists"]
        similarity = np.load(states / f"{lists.stem}.similarity.npy")
        evidence = np.load(states / f"{lists.stem}.features.npy")[: len(similarity)]
        given = np.concatenate([evidence, similarity], 1)
        counts = np.cumsum([len(row[2]) for row in rows])
        rows = rows[: int(np.searchsorted(counts, len(given))) + 1]
        longest = max(len(row[2]) for row in rows)
        inputs = np.zeros((len(rows), longest, given.shape[1]), np.float32)
        grades = np.full((len(rows), longest), -1, np.float32)
        at = 0
        for i, row in enumerate(rows):
            count = len(row[2])
            inputs[i, :count], grades[i, :count] = given[at : at + count], row[3]
            at += count
        ideal = np.array([row[4] if len(row) > 4 else 1.0 for row in rows], np.float32)
        return cls(lists.stem, inputs, grades, ideal)


class Gate(nn.Module):
    """One logit from standardised features: a weighted sum plus a small correction."""

    def __init__(self, mean: NDArray[np.float32], spread: NDArray[np.float32], hidden: int = HIDDEN) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("spread", torch.from_numpy(spread))
        self.plain, self.wide, self.narrow = nn.Linear(len(mean), 1), nn.Linear(len(mean), hidden), nn.Linear(hidden, 1)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.plain.weight)

    def forward(self, inputs: Tensor) -> Tensor:
        given = ((inputs - self.mean) / self.spread).clamp(-4, 4)  # type: ignore[operator]
        logit: Tensor = self.plain(given) + self.narrow(torch.tanh(self.wide(given)))
        return logit.squeeze(-1)


def loss_of(logits: Tensor, grades: Tensor) -> Tensor:
    """InfoNCE for every relevant document over those graded below it, plus a pointwise term."""
    there = grades >= 0
    relevant = grades > 0
    best = grades.amax(1, keepdim=True)
    positive = relevant & (grades == best)
    lower = there & (grades < best)
    others = torch.logsumexp(logits.masked_fill(~lower, -1e4), 1, keepdim=True)
    contrast = (F.softplus(others - logits) * positive).sum(1) / positive.sum(1).clamp_min(1)
    weight = torch.where(relevant, 5.0, 1.0) * there
    point = (
        F.binary_cross_entropy_with_logits(logits, grades.clamp_min(0), weight=weight, reduction="sum") / there.sum()
    )
    return contrast.mean() + POINTWISE * point


@torch.no_grad()
def ndcg(model: nn.Module, lists: Lists) -> float:
    logits = model(torch.from_numpy(lists.inputs)).numpy()
    logits[lists.grades < 0] = -np.inf
    order = np.argsort(-logits, axis=1, kind="stable")[:, :10]
    gains = np.maximum(np.take_along_axis(lists.grades, order, 1), 0)
    discounts = np.array([1 / math.log2(rank + 2) for rank in range(gains.shape[1])])
    return float(((gains * discounts).sum(1) / lists.ideal).mean())


def evaluate(model: nn.Module, dev: list[Lists]) -> dict[str, float]:
    found = {lists.name: ndcg(model, lists) for lists in dev}
    return {"mean": float(np.mean([found[n] for n in REPORT_SETS])), **found}


def train(lists: list[Lists], *, hidden: int, steps: int, rate: float, decay: float, drop: float, seed: int) -> Gate:
    """Train on batches of one collection each; the result is the average of the weights over the last half."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    every = np.concatenate([one.inputs[one.grades >= 0] for one in lists])
    model = Gate(every.mean(0), np.maximum(every.std(0), 0.02), hidden)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
    average = torch.optim.swa_utils.AveragedModel(model)
    chance = np.array([WEIGHT.get(one.name, 1.0) for one in lists])
    centre = torch.from_numpy(every.mean(0))
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 100) * (1 - step / steps)
        one = lists[rng.choice(len(lists), p=chance / chance.sum())]
        picked = rng.integers(len(one.inputs), size=64)
        inputs, grades = torch.from_numpy(one.inputs[picked]), torch.from_numpy(one.grades[picked])
        hide = torch.from_numpy(rng.random((len(picked), 1, inputs.shape[2])) < drop)
        loss = loss_of(model(torch.where(hide, centre, inputs)), grades)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step > steps // 2:
            average.update_parameters(model)
    kept = average.module
    assert isinstance(kept, Gate)
    return kept


def merged(gates: list[Gate]) -> Gate:
    """One gate whose logit is the mean of theirs: the wide layers side by side."""
    first = gates[0]
    hidden = sum(gate.wide.out_features for gate in gates)
    made = Gate(first.mean.numpy(), first.spread.numpy(), hidden)  # type: ignore[operator]
    with torch.no_grad():
        made.plain.weight.copy_(torch.stack([gate.plain.weight for gate in gates]).mean(0))
        made.plain.bias.copy_(torch.stack([gate.plain.bias for gate in gates]).mean(0))
        made.wide.weight.copy_(torch.cat([gate.wide.weight for gate in gates]))
        made.wide.bias.copy_(torch.cat([gate.wide.bias for gate in gates]))
        made.narrow.weight.copy_(torch.cat([gate.narrow.weight for gate in gates], 1) / len(gates))
        made.narrow.bias.copy_(torch.stack([gate.narrow.bias for gate in gates]).mean(0))
    return made


def calibrate(model: Gate, lists: list[Lists]) -> tuple[float, float]:
    """Scale and shift the logit so that its sigmoid is the chance of relevance where half the documents are relevant.

    Platt's fit over every training pair, each collection counting alike. No order changes: the scale is positive.
    """
    with torch.no_grad():
        logits = [model(torch.from_numpy(one.inputs)) for one in lists]
    grades = [torch.from_numpy(one.grades) for one in lists]
    scale, shift = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([scale, shift], max_iter=100)

    def loss() -> Tensor:
        optimiser.zero_grad()
        total = torch.zeros(())
        for x, y in zip(logits, grades, strict=True):
            fitted = scale * x + shift
            total = total + F.softplus(-fitted)[y > 0].mean() + F.softplus(fitted)[y == 0].mean()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for layer in (model.plain, model.narrow):
            layer.weight.mul_(scale)
            layer.bias.mul_(scale)
        model.plain.bias.add_(shift)
    return scale.item(), shift.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=Path, default=Path("build/lists"))
    parser.add_argument("--states", type=Path, default=Path("build/states"))
    parser.add_argument("--dev", type=Path, default=Path("build/dev"))
    parser.add_argument("--dev-states", type=Path, default=Path("build/devstates"))
    parser.add_argument("--out", type=Path, default=Path("build/gate.pt"))
    parser.add_argument("--hidden", type=int, default=HIDDEN)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--decay", type=float, default=0.01)
    parser.add_argument("--drop", type=float, default=0.4)
    parser.add_argument("--seeds", type=int, nargs="+", default=[12, 13, 14])
    options = parser.parse_args()
    ready = [p for p in sorted(options.lists.glob("*.json")) if (options.states / f"{p.stem}.similarity.npy").exists()]
    lists = [Lists.read(path, options.states) for path in ready]
    dev = [Lists.read(options.dev / f"{name}.json", options.dev_states) for name in REPORT_SETS]
    settings = {name: getattr(options, name) for name in ("hidden", "steps", "rate", "decay", "drop")}
    model = merged([train(lists, seed=seed, **settings) for seed in options.seeds])
    sys.stderr.write("scale {:.3f}, shift {:.3f}\n".format(*calibrate(model, lists)))
    torch.save(model.state_dict(), options.out)
    sys.stderr.write(json.dumps({k: round(v, 4) for k, v in evaluate(model, dev).items()}) + "\n")
    weights = model.plain.weight[0].tolist()
    sys.stderr.write(
        " ".join(f"{n}={w:.2f}" for n, w in sorted(zip(INPUTS, weights, strict=True), key=lambda p: -p[1])) + "\n"
    )


if __name__ == "__main__":
    main()
