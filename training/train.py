"""Trains the reader on cached token states with a listwise contrastive loss and a little pointwise loss."""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from model import INSTRUCTION, NEURAL, QUERY, Reader
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

POINTWISE = 0.2
REPORT_SETS = (
    "cranfield", "med", "cacm", "time", "trecqa", "covidqa_passages", "liveqa_med", "afriqa", "sealtools_out",
    "apibench", "spider_dev", "product_match_abt_buy", "csfcube",
)  # fmt: skip
# How often lists are drawn from each collection; others 1. Prose questions weigh most, as they are what people ask.
WEIGHT = {
    "medquad": 4, "medquad_instruct": 2.5, "medquad_source": 1, "medquad_long": 1.5, "covid_faq": 1, "spider_train": 1.5,
    "sealtools_in": 1, "metatool": 1, "wdc_products": 1.5, "product_match_amazon_google": 0.5,
    "product_match_walmart_amazon": 0.5, "jaquad_train": 0.7, "cmrc2018_dev_trial": 0.5, "drcd_dev": 0.5, "arcd": 0.5,
    "iapp_thai": 0.5, "msdocs_parallel": 0.7, "python_stdlib": 2,
}  # fmt: skip


@dataclass(slots=True)
class Cached:
    """One collection: lists, evidence a pair, and token states by text number (documents, queries, instructions)."""

    name: str
    lists: list[list[object]]
    first_pair: NDArray[np.int64]
    evidence: NDArray[np.float32]
    states: NDArray[np.float16]
    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    queries_at: int
    instructions: dict[str, int]

    @classmethod
    def read(cls, lists: Path, states: Path) -> Cached:
        held = json.loads(lists.read_text())
        rows, texts = held["lists"], len(held["texts"])
        told = sorted({row[1] for row in rows if row[1]})
        tokens = np.load(states / f"{lists.stem}.ids.npz")
        counts = [len(row[2]) for row in rows]
        return cls(
            name=lists.stem,
            lists=rows,
            first_pair=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64),
            evidence=np.load(states / f"{lists.stem}.features.npy"),
            states=np.load(states / f"{lists.stem}.states.npy", mmap_mode="r"),
            ids=tokens["ids"],
            starts=tokens["starts"],
            lengths=tokens["lengths"],
            queries_at=texts,
            instructions={one: texts + len(rows) + i for i, one in enumerate(told)},
        )

    def text(self, number: int, limit: int) -> tuple[NDArray[np.float16], NDArray[np.int32]]:
        start, length = self.starts[number], min(int(self.lengths[number]), limit)
        return self.states[start : start + length], self.ids[start : start + length]


def tensors(cached: Cached, chosen: list[tuple[int, list[int]]], limit: int) -> dict[str, Tensor]:
    """Reader inputs for `chosen` (list number, positions in it), flattened to pairs in order."""
    asked, documents, evidence = [], [], []
    for number, positions in chosen:
        row = cached.lists[number]
        sides = [(*cached.text(cached.queries_at + number, 64), QUERY)]
        if row[1]:
            sides.append((*cached.text(cached.instructions[str(row[1])], 64), INSTRUCTION))
        states = np.concatenate([side[0] for side in sides])
        ids = np.concatenate([side[1] for side in sides])
        segment = np.concatenate([np.full(len(side[1]), side[2], np.float32) for side in sides])
        for position in positions:
            document = cached.text(row[2][position], limit)  # type: ignore[index]
            asked.append((states, segment, np.isin(ids, document[1])))
            documents.append(document[0])
            evidence.append(cached.evidence[cached.first_pair[number] + position])
    query, query_mask = padded([a[0] for a in asked])
    document, document_mask = padded(documents)
    segment, exact = np.zeros(query.shape[:2], np.float32), np.zeros(query.shape[:2], np.float32)
    for i, (states, marks, found) in enumerate(asked):
        segment[i, : len(states)], exact[i, : len(states)] = marks, found
    arrays = (query, query_mask, segment, exact, document, document_mask, np.stack(evidence))
    names = ("query", "query_mask", "segment", "exact", "document", "document_mask", "evidence")
    return {name: torch.from_numpy(array) for name, array in zip(names, arrays, strict=True)}


def padded(rows: list[NDArray[np.float16]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    out = np.zeros((len(rows), max(len(row) for row in rows), rows[0].shape[1]), np.float32)
    mask = np.zeros(out.shape[:2], np.float32)
    for i, row in enumerate(rows):
        out[i, : len(row)], mask[i, : len(row)] = row, 1
    return out, mask


def sampled(cached: Cached, rng: random.Random, lists: int, size: int) -> tuple[list[tuple[int, list[int]]], Tensor]:
    """`lists` random lists of one relevant document and `size` − 1 others, the relevant one first, with their grades."""
    chosen, grades = [], []
    while len(chosen) < lists:
        number = rng.randrange(len(cached.lists))
        row = cached.lists[number]
        every: list[float] = row[3]  # type: ignore[assignment]
        relevant = rng.choice([i for i, g in enumerate(every) if g > 0])
        others = [i for i, g in enumerate(every) if g < every[relevant]]
        if len(others) < size - 1:
            others = others * (size // max(1, len(others)) + 1) if others else []
        if not others:
            continue
        head = others[: len(others) // 2]
        picked = rng.sample(others, size - 1) if rng.random() < 0.5 or len(head) < size - 1 else rng.sample(head, size - 1)
        chosen.append((number, [relevant, *picked]))
        grades.append([every[i] for i in (relevant, *picked)])
    return chosen, torch.tensor(grades)


def loss_of(logits: Tensor, grades: Tensor) -> Tensor:
    """InfoNCE for the first document over those graded below it, plus a pointwise term on all."""
    lower = torch.cat([torch.ones_like(grades[:, :1], dtype=torch.bool), grades[:, 1:] < grades[:, :1]], 1)
    contrast = -F.log_softmax(logits.masked_fill(~lower, -1e4), 1)[:, 0].mean()
    weight = torch.where(grades > 0, float(grades.shape[1] - 1) / 2, 1.0)
    return contrast + POINTWISE * F.binary_cross_entropy_with_logits(logits, grades, weight=weight)


@torch.no_grad()
def ndcg(model: Reader, cached: Cached, queries: int) -> float:
    """Mean nDCG@10 of reranking the candidates."""
    total = []
    for number in range(min(queries, len(cached.lists))):
        row = cached.lists[number]
        count = len(row[2])  # type: ignore[arg-type]
        inputs = tensors(cached, [(number, list(range(count)))], 256)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(**inputs).float()
        order = torch.argsort(logits, descending=True, stable=True)[:10].tolist()
        total.append(sum(row[3][d] / math.log2(r + 2) for r, d in enumerate(order)) / row[4])  # type: ignore[index, operator]
    return float(np.mean(total))


def evaluate(model: Reader, dev: list[Cached], queries: int) -> dict[str, float]:
    model.eval()
    found = {cached.name: ndcg(model, cached, queries) for cached in dev}
    found["mean"] = float(np.mean([found[name] for name in REPORT_SETS if name in found]))
    model.train()
    return found


@torch.no_grad()
def fit_scale(model: Reader, train: list[Cached], rng: random.Random) -> None:
    """Set the mean and spread of the gate's inputs from a few hundred lists."""
    seen: list[Tensor] = []
    hook = model.plain.register_forward_pre_hook(lambda _, given: seen.append(given[0].float()))
    for cached in train:
        chosen, _ = sampled(cached, rng, 16, 8)
        model(**tensors(cached, chosen, 128))
    hook.remove()
    every = torch.cat(seen)
    model.mean.copy_(every.mean(0))  # type: ignore[operator]
    model.spread.copy_(every.std(0).clamp_min(0.05))  # type: ignore[operator]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=Path, default=Path("build/lists"))
    parser.add_argument("--states", type=Path, default=Path("build/states"))
    parser.add_argument("--dev", type=Path, default=Path("build/dev"))
    parser.add_argument("--dev-states", type=Path, default=Path("build/devstates"))
    parser.add_argument("--out", type=Path, default=Path("build/reader.pt"))
    parser.add_argument("--start", type=Path)
    parser.add_argument("--no-interaction", action="store_true")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=12)
    parser.add_argument("--every", type=float, default=5, help="minutes between evaluations")
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--seed", type=int, default=12)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    torch.manual_seed(options.seed)
    ready = [p for p in sorted(options.lists.glob("*.json")) if (options.states / f"{p.stem}.features.npy").exists()]
    train = [Cached.read(path, options.states) for path in ready]
    dev = [Cached.read(options.dev / f"{n}.json", options.dev_states) for n in REPORT_SETS]
    model = Reader(interact=not options.no_interaction)
    if options.start:
        model.load_state_dict(torch.load(options.start, weights_only=True))
    else:
        fit_scale(model, train, rng)
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=0.01)
    began = evaluated = time.time()
    seconds, step, losses = options.minutes * 60, 0, []
    while (spent := time.time() - began) < seconds:
        for group in optimiser.param_groups:
            group["lr"] = options.rate * min(1, (step + 1) / 100) * max(0.02, 1 - spent / seconds)
        cached = rng.choices(train, [WEIGHT.get(c.name, 1.0) for c in train])[0]
        chosen, grades = sampled(cached, rng, options.batch, options.size)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(**tensors(cached, chosen, rng.choice((64, 96, 128, 128, 192, 256))))
        loss = loss_of(logits.float().view(options.batch, options.size), grades)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
        step += 1
        if step % 50 == 0:
            sys.stderr.write(f"{spent / 60:.1f} min, step {step}, loss {np.mean(losses[-200:]):.3f}\n")
        if time.time() - evaluated > options.every * 60:
            torch.save(model.state_dict(), options.out)
            sys.stderr.write(f"{json.dumps({k: round(v, 3) for k, v in evaluate(model, dev, options.queries).items()})}\n")
            evaluated = time.time()
    torch.save(model.state_dict(), options.out)
    sys.stderr.write(f"final {json.dumps({k: round(v, 3) for k, v in evaluate(model, dev, options.queries).items()})}\n")


if __name__ == "__main__":
    main()
