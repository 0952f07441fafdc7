"""Token states of every text that the training lists name, from the backbone as it ships (int8), kept as fp16.

The backbone stays as it is, so each text is read once however many pairs and epochs it takes part in.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from tokenizers import Tokenizer

TOKENS_PER_BATCH = 1024


class Encoder:
    """Token states for lists of texts: `[CLS] text [SEP]`, length-sorted batches, two streams."""

    def __init__(self, model: Path, tokenizer: Path, *, precision: str = "bf16", max_tokens: int = 256) -> None:
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_tokens)
        options = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": "2", "INFERENCE_NUM_THREADS": "2"}
        self._queue = ov.AsyncInferQueue(ov.Core().compile_model(model, "CPU", options), 2)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [e.ids for e in self.tokenizer.encode_batch([clean(t) for t in texts])]

    def states(self, ids: Sequence[Sequence[int]], out: NDArray[np.float16], starts: NDArray[np.int64]) -> None:
        """Write the states of text i into `out[starts[i] : starts[i] + len(ids[i])]`."""

        def keep(request: ov.InferRequest, rows: list[int]) -> None:
            states = request.get_output_tensor(0).data
            for row, i in enumerate(rows):
                out[starts[i] : starts[i] + len(ids[i])] = states[row, : len(ids[i])]

        self._queue.set_callback(keep)
        for rows in batches([len(i) for i in ids]):
            length = -(-max(len(ids[i]) for i in rows) // 8) * 8
            tokens = np.zeros((len(rows), length), np.int64)
            mask = np.zeros_like(tokens)
            for row, i in enumerate(rows):
                tokens[row, : len(ids[i])] = ids[i]
                mask[row, : len(ids[i])] = 1
            self._queue.start_async({"input_ids": tokens, "attention_mask": mask}, rows)
        self._queue.wait_all()


def clean(text: str) -> str:
    """Text as UTF-8 can carry it: lone surrogates become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions in batches of at most `TOKENS_PER_BATCH` padded tokens, longest first."""
    rows: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if rows and (len(rows) + 1) * lengths[rows[0]] > TOKENS_PER_BATCH:
            yield rows
            rows = []
        rows.append(i)
    if rows:
        yield rows


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
