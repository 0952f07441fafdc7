"""`secondpass bench`: how fast one or several models rank here, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from secondpass.cli import options, output, source
from secondpass.cli.measure import SIZES
from secondpass.cli.options import TRACEBACK
from secondpass.errors import InputError, ModelError
from secondpass.evaluation.speed import latency_ms
from secondpass.text.render import render

_WORDS = 80  # a passage; about 130 tokens of the text below
_QUERIES = (
    "when are default argument values evaluated?",
    "how do I catch several exceptions at once",
    "difference between is and ==",
    "what happens in a class body",
    "format a number with a thousands separator",
)


def bench(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help=f"At least {SIZES[-1]} documents. [default: Python's own manual]", show_default=False
        ),
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model; may be repeated. [default: embedded]")] = None,
    query: Annotated[list[str] | None, typer.Option(help="A query for FILE; may be repeated.")] = None,
    rounds: Annotated[int, typer.Option(min=2, help="Rankings to time for each number of documents.")] = 20,
    file_format: options.FileFormat = None,
    text_field: options.TextField = None,
    backend: options.Backend = "auto",
    precision: options.Precision = "auto",
    device: options.Device = "auto",
    recipe: options.Recipe = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure speed, latency, cold start and memory on this machine."""
    documents = _manual() if file is None else _texts(file, text_field, file_format)
    job = {
        "documents": documents,
        "queries": query or list(_QUERIES),
        "rounds": rounds,
        "load": {"backend": backend, "precision": precision, "device": device, "recipe": recipe},
    }
    results = [measured({**job, "model": name}) for name in model or ["embedded"]]
    if as_json:
        output.write_json({"documents": len(documents), "rounds": rounds, "models": results})
    else:
        output.write_table(_COLUMNS, [_row(result) for result in results])
        output.note(_UNITS)


def measured(job: dict[str, Any]) -> dict[str, Any]:
    """What one model takes. Latency in milliseconds by number of documents, cold start in seconds, memory in MiB."""
    command = [sys.executable, "-m", "secondpass.cli.measure"]
    start = time.perf_counter()
    errors = None if os.environ.get(TRACEBACK) else subprocess.DEVNULL
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8"
    ) as process:
        assert process.stdin is not None  # for the type checker: both are pipes
        assert process.stdout is not None
        json.dump(job, process.stdin)
        process.stdin.close()
        _line(process.stdout.readline(), job["model"])
        cold = time.perf_counter() - start
        found = _line(process.stdout.readline(), job["model"])
    latency = {size: _quantiles(found["seconds"][str(size)]) for size in SIZES}
    longest = found["seconds"][str(SIZES[-1])]
    return {
        "model": job["model"],
        "documents_per_second": SIZES[-1] * len(longest) / sum(longest),
        "latency_ms": latency,
        "cold_start_s": cold,
        "peak_mib": found["peak_mib"],
    }


def _quantiles(seconds: list[float]) -> dict[str, float]:
    p50, p95 = latency_ms(seconds)
    return {"p50": p50, "p95": p95}


_COLUMNS = (
    "model",
    "docs/s",
    *(f"{quantile}@{size}" for size in SIZES for quantile in ("p50", "p95")),
    "start",
    "peak",
)
_UNITS = "latency for 20 and 100 documents in ms, cold start in s, peak memory in MiB"


def _row(result: dict[str, Any]) -> list[object]:
    latencies = [f"{value:.1f}" for quantiles in result["latency_ms"].values() for value in quantiles.values()]
    peak = None if result["peak_mib"] is None else round(result["peak_mib"])
    return [
        result["model"],
        f"{result['documents_per_second']:.0f}",
        *latencies,
        f"{result['cold_start_s']:.2f}",
        peak,
    ]


def _line(line: str, model: str) -> dict[str, Any]:
    if not line:
        raise ModelError(f"Measuring {model!r} ended early; `secondpass rank --model {model}` says why.")
    found: dict[str, Any] = json.loads(line)
    if "error" in found:
        raise ModelError(found["error"])
    return found


def _texts(file: Path, text_field: str | None, file_format: options.Format | None) -> list[str]:
    candidates = source.read([file], source.Fields(text=text_field), file_format)
    documents = [render(candidate.document) for candidate in candidates]
    if len(documents) < SIZES[-1]:
        raise InputError(f"{file} has {len(documents)} documents; bench needs at least {SIZES[-1]}.")
    return documents


def _manual() -> list[str]:
    """Passages of Python's own manual: real text without a download."""
    from secondpass.conversion.texts import passages

    return passages(SIZES[-1], _WORDS)
