"""Token states of every text that the training lists name, from the backbone as it ships (int8), kept as fp16.

The backbone stays as it is, so each text is read once however many pairs and epochs it takes part in.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from secondpass.backends.choose import choose
from secondpass.engine.batching import batches
from secondpass.models.scorer import padded_length
from secondpass.text.encode import clean


class Encoder:
    """Token states of texts, `[CLS] text [SEP]`, on the backend and in the batches that the package itself uses."""

    def __init__(self, model: Path, tokenizer: Path, *, max_tokens: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        backend = choose()
        self._graph, self._can = backend.load(model), backend.capabilities

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch([clean(text) for text in texts])]

    def states(self, ids: Sequence[Sequence[int]], out: NDArray[np.float16], starts: NDArray[np.int64]) -> None:
        """Write the states of text i into `out[starts[i] : starts[i] + len(ids[i])]`."""

        def encode(rows: list[int]) -> None:
            tokens = np.zeros((len(rows), padded_length(max(len(ids[i]) for i in rows))), np.int64)
            mask = np.zeros_like(tokens)
            for row, i in enumerate(rows):
                tokens[row, : len(ids[i])], mask[row, : len(ids[i])] = ids[i], 1
            states = self._graph.run({"input_ids": tokens, "attention_mask": mask})["states"]
            for row, i in enumerate(rows):
                out[starts[i] : starts[i] + len(ids[i])] = states[row, : len(ids[i])]

        packed = batches([len(each) for each in ids], budget=self._can.budget, streams=self._can.streams)
        with ThreadPoolExecutor(self._can.streams) as pool:
            list(pool.map(encode, packed))


def main() -> None:
    """For each lists file write `NAME.ids.npz` (token ids, offsets) and `NAME.states.npy` (tokens × 384, fp16)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=Path, default=Path("build/lists"))
    parser.add_argument("--out", type=Path, default=Path("build/states"))
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--max-tokens", type=int, default=256)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    encoder = Encoder(options.model, options.tokenizer, max_tokens=options.max_tokens)
    for path in sorted(options.lists.glob("*.json")):
        began = time.perf_counter()
        held = json.loads(path.read_text())
        used = {d for row in held["lists"] for d in row[2]}
        texts = [text if i in used else "" for i, text in enumerate(held["texts"])]
        texts += [row[0] for row in held["lists"]]
        instructions = sorted({row[1] for row in held["lists"] if row[1]})
        ids = encoder.ids(texts + instructions)
        lengths = np.array([len(i) for i in ids], np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        shape = (int(lengths.sum()), 384)
        out = np.lib.format.open_memmap(options.out / f"{path.stem}.states.npy", "w+", np.float16, shape)
        encoder.states(ids, out, starts)
        out.flush()
        flat = np.fromiter((t for i in ids for t in i), np.int32, shape[0])
        np.savez(options.out / f"{path.stem}.ids.npz", ids=flat, lengths=lengths, starts=starts)
        sys.stderr.write(f"{path.stem}: {shape[0]} tokens in {time.perf_counter() - began:.0f} s\n")


if __name__ == "__main__":
    main()
