"""One contender of the engine benchmark in a process of its own, run by the python of its own environment.

Takes a JSON object as its argument, then one JSON line a request on stdin; answers one JSON line each on stdout.
Imports nothing but what the contender brings, so that its start, its memory and its threads are its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

COLD = 20  # documents of the first ranking
Pairs = list[tuple[str, str]]
Score = Callable[[Pairs], list[float]]


def secondpass_(task: dict[str, Any]) -> Score:
    import secondpass

    reranker = secondpass.load(task.get("model"), **task["options"])
    return lambda pairs: [float(score) for score in reranker.predict(pairs)]


def sentence_transformers_(task: dict[str, Any]) -> Score:
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(task["model"], **task["options"])
    return lambda pairs: [float(score) for score in model.predict(pairs)]


def flashrank_(task: dict[str, Any]) -> Score:
    flashrank = import_module("flashrank")
    ranker = flashrank.Ranker(model_name=task["name"], cache_dir=task["model"], max_length=512, log_level="ERROR")

    def score(pairs: Pairs) -> list[float]:
        passages = [{"id": i, "text": text} for i, (_, text) in enumerate(pairs)]
        ranked = ranker.rerank(flashrank.RerankRequest(query=pairs[0][0], passages=passages))
        return [float(row["score"]) for row in sorted(ranked, key=lambda row: int(row["id"]))]

    return score


def floor_(task: dict[str, Any]) -> Callable[[], dict[str, float]]:
    from benchmarks.engine_floor import Floor

    return Floor(Path(task["model"]), task["threads"]).rates


def quantise_onnx(task: dict[str, Any]) -> None:
    """Write sentence-transformers' own fp32 and int8 ONNX files into the model's folder."""
    from sentence_transformers import CrossEncoder, export_dynamic_quantized_onnx_model

    model = CrossEncoder(task["model"], backend="onnx", model_kwargs={"export": True})
    model.save_pretrained(task["model"])
    export_dynamic_quantized_onnx_model(model, task["instructions"], task["model"])


def quantise_openvino(task: dict[str, Any]) -> None:
    """Write sentence-transformers' own int8 OpenVINO files, calibrated on the benchmark's texts."""
    from sentence_transformers import CrossEncoder, export_static_quantized_openvino_model

    texts = Path(task["model"]) / "calibration"
    texts.mkdir(exist_ok=True)
    rows = [json.dumps({"text": " ".join(pair)}) for pair in json.loads(Path(task["pairs"]).read_text("utf-8"))]
    (texts / "train.jsonl").write_text("\n".join(rows * 3), "utf-8")
    model = CrossEncoder(task["model"], backend="openvino", model_kwargs={"export": True})
    model.save_pretrained(task["model"])
    export_static_quantized_openvino_model(
        model,
        None,
        task["model"],
        dataset_name=str(texts),
        dataset_config_name="default",
        dataset_split="train",
        column_name="text",
    )


CONTENDERS = {"secondpass": secondpass_, "sentence-transformers": sentence_transformers_, "flashrank": flashrank_}
PREPARATIONS = {"quantise-onnx": quantise_onnx, "quantise-openvino": quantise_openvino}


def installed(distribution: str) -> str:
    """The contender's version; a checkout that is not installed has none."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "checkout"


def peak_megabytes() -> float:
    """The most memory that this process ever had resident; Linux tells it without what was inherited at the start."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1e3
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    # Libraries print what they like; the answers get a channel of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(**values: object) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    task = json.loads(sys.argv[1])
    if task["kind"] in PREPARATIONS:
        PREPARATIONS[task["kind"]](task)
        answer(done=True)
        return
    if task["kind"] == "floor":
        rates = floor_(task)
        answer(ready=True)
        for _ in sys.stdin:
            answer(rates=rates())
        return
    pairs = [(query, text) for query, text in json.loads(Path(task["pairs"]).read_text(encoding="utf-8"))]
    score = CONTENDERS[task["kind"]](task)
    score(pairs[:COLD])
    answer(version=installed(task["kind"]))
    for _ in sys.stdin:
        began = time.perf_counter()
        scores = score(pairs)
        answer(seconds=time.perf_counter() - began, scores=scores, peak_mb=peak_megabytes())


if __name__ == "__main__":
    main()
