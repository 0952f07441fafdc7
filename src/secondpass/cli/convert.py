"""`secondpass convert`: write a model for onnxruntime or OpenVINO, and show what was measured of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from secondpass.cli import options, output

if TYPE_CHECKING:
    from secondpass.conversion.convert import Conversion

# Written out here, and held equal to the library's own by a test: importing them would load a tokenizer for `--help`.
Target = Literal["onnx", "openvino"]
Precision = Literal["fp32", "fp16", "int8", "int4"]


def convert(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A local folder or a hub id.", show_default=False)],
    folder: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="The folder to write; it may not be there yet.")
    ],
    to: Annotated[
        Target, typer.Option(help="onnx is read by onnxruntime and OpenVINO, openvino by OpenVINO alone.")
    ] = "onnx",
    precision: Annotated[
        Precision,
        typer.Option(help="What weights are kept in; int8 is for an encoder's activations too, with static scales."),
    ] = "fp32",
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Texts such as the model will read: JSON lines with query and document, or plain lines. "
            "[default: Python's own manual]",
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="How far a logit may be off, as a share of the logits' standard deviation. "
            "[default: 0.001 in fp32, 0.02 in fp16, 0.75 in int8, 1 in int4]",
            show_default=False,
        ),
    ] = None,
    recipe: options.Recipe = None,
    revision: options.Revision = None,
    as_json: options.AsJson = False,
) -> None:
    """Write a model as a graph for onnxruntime or OpenVINO, unless it is too far from what torch computes."""
    from secondpass.conversion import convert as conversion

    made = conversion.convert(
        model,
        folder,
        to=to,
        precision=precision,
        calibration=calibration,
        tolerance=tolerance,
        recipe=recipe,
        revision=revision,
        told=output.note,
    )
    if as_json:
        output.write_json({**asdict(made), "relative": made.drift.relative})
    else:
        output.write_table(("measured", "before", "after"), _rows(made))
        output.note(f"{made.folder} is ready: secondpass rank --model {made.folder} QUERY FILE")


def _rows(made: Conversion) -> list[list[object]]:
    drift = made.drift
    return [
        ["largest difference of a logit", None, f"{drift.largest:.3g}"],
        ["mean difference of a logit", None, f"{drift.mean:.3g}"],
        [f"largest, as a share of the spread (up to {made.tolerance:g})", None, f"{drift.relative:.3g}"],
        [f"rank correlation over {drift.pairs} pairs", None, f"{drift.correlation:.4f}"],
        ["weights in MB", *(f"{size / 1e6:.1f}" for size in made.sizes)],
        ["seconds for 100 documents", *(f"{seconds:.2f}" for seconds in made.seconds)],
    ]
