"""Options that several subcommands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

# Written out here, and held equal to the library's own by a test: importing them would load a tokenizer for `--help`.
Policy = Literal["truncate", "chunk", "error"]
Truncation = Literal["document", "reference"]
Aggregate = Literal["max", "mean", "first", "mean-best", "decay"]
ChunkBy = Literal["tokens", "sentences", "headings", "code"]
QueryPolicy = Literal["refuse", "chunk"]
Format = Literal["lines", "jsonl", "json", "csv", "tsv"]

TRACEBACK = "SECONDPASS_TRACEBACK"
"""The environment variable with which a defect shows where it came from."""

Backend = Annotated[str, typer.Option(help="How to compute: auto, onnxruntime, openvino or torch.")]
Precision = Annotated[
    str, typer.Option(help="auto, fp32, bf16, fp16, int8 or int4, where the model and the machine have it.")
]
Device = Annotated[
    str, typer.Option(help="Where torch computes: auto, cpu, cuda, cuda:1 or mps; or several: cuda:0,cuda:1.")
]
Recipe = Annotated[
    str | None,
    typer.Option(
        help="The prompt of a decoder whose files do not tell it, such as qwen3-reranker.", show_default=False
    ),
]
Revision = Annotated[str | None, typer.Option(help="A commit, tag or branch of a hub model.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object, and nothing else, to stdout.")]

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILE",
        help="Documents: lines, .jsonl, .json, .csv or .tsv, also with .gz; none or - reads stdin.",
        show_default=False,
    ),
]
FileFormat = Annotated[
    Format | None, typer.Option("--format", help="Read every FILE so, whatever its name ends in.", show_default=False)
]
TextField = Annotated[str | None, typer.Option(help="The field that holds the text. [default: text]")]
IdField = Annotated[str | None, typer.Option(help="The field that holds the id. [default: id or _id]")]
TitleField = Annotated[str | None, typer.Option(help="The field that holds the title. [default: title]")]
