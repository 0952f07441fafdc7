"""Similarity features of every pair in the lists, from the cached token states of the unchanged backbone.

They are computed by the code that the package ships.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from secondpass.models.embedded.similarity import AskedStates, similarities

Array = NDArray[np.float32]


def token_idf(states: Path, vocabulary: int) -> Array:
    """idf of each vocabulary entry over all cached texts, averaged over collections; 0 for special tokens."""
    share = np.zeros(vocabulary)
    paths = sorted(states.glob("*.ids.npz"))
    for path in paths:
        held = np.load(path)
        rows = np.repeat(np.arange(len(held["lengths"])), held["lengths"])
        real = held["lengths"] > 2
        seen = np.unique(np.stack([rows, held["ids"]], 1)[real[rows]], axis=0)
        share += np.bincount(seen[:, 1], minlength=vocabulary) / max(1, real.sum()) / len(paths)
    idf = -np.log(np.minimum(1.0, share + 1e-5))
    idf[:104] = np.where(np.arange(104) == 100, idf[100], 0.0)  # [PAD], [CLS], [SEP], [MASK], unused; not [UNK]
    return np.maximum(idf, 0).astype(np.float32)


def main() -> None:
    """For each lists file write `NAME.similarity.npy`: pairs × features; and the token idf next to the states."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=Path, default=Path("build/lists"))
    parser.add_argument("--states", type=Path, default=Path("build/states"))
    parser.add_argument("--idf", type=Path, default=Path("build/token_idf.npy"))
    options = parser.parse_args()
    if not options.idf.exists():
        np.save(options.idf, token_idf(options.states, 30522))
    idf = np.load(options.idf)
    for path in sorted(options.lists.glob("*.json")):
        held = json.loads(path.read_text())
        tokens = np.load(options.states / f"{path.stem}.ids.npz")
        states = np.load(options.states / f"{path.stem}.states.npy", mmap_mode="r")
        ids, starts, lengths = tokens["ids"], tokens["starts"], tokens["lengths"]
        texts, rows = len(held["texts"]), held["lists"]
        told = {one: texts + len(rows) + i for i, one in enumerate(sorted({row[1] for row in rows if row[1]}))}

        def text(number: int) -> Array:
            return np.asarray(states[starts[number] : starts[number] + lengths[number]], np.float32)  # noqa: B023

        out = []
        for number, row in enumerate(rows):
            start = starts[texts + number]
            weight = idf[ids[start : start + lengths[texts + number]]]
            instruction = text(told[row[1]]) if row[1] else None
            asked = AskedStates.of(text(texts + number), weight, instruction)
            out.append(similarities(asked, [text(d) for d in row[2]]))
        np.save(options.states / f"{path.stem}.similarity.npy", np.concatenate(out))
        sys.stderr.write(f"{path.stem}: {len(rows)} lists\n")


if __name__ == "__main__":
    main()
