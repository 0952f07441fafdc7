"""Which of a checkpoint's files of weights to read on this machine.

Publishers put the same weights under several names: sentence-transformers by optimisation level and instruction set,
transformers.js by precision, secondpass its own statically quantised one. Knows file names, nothing of what is in them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from secondpass.backends.choose import PRECISIONS, Format
from secondpass.backends.machine import Machine, machine
from secondpass.errors import InputError, ModelLoadError

STATIC = "model_int8.onnx"
"""The name under which secondpass writes a graph whose activation scales are static."""

MARKER = "onnx/secondpass.json"
"""Lies beside `STATIC` where secondpass made it: transformers.js gives the same name to files with dynamic scales."""

SAFETENSORS = ("model.safetensors", "model.safetensors.index.json")
"""The names of the weights themselves, in one file or in shards that the index names; best first."""

IR = PurePosixPath("openvino/openvino_model.xml")
"""OpenVINO's own format, where secondpass made it; its weights lie beside it, in a file that ends in .bin."""

GRAPHS = (".onnx", IR.suffix)
"""How files end that hold a whole graph."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One published name: its precision, and the instruction set that it was made for ("" for any)."""

    file: str
    precision: str
    needs: str = ""


# Best first within a precision. O1 to O3 are fp32 graphs fused ahead of time, as the backends do it at load anyway.
VARIANTS = (
    Variant("model.onnx", "fp32"),
    Variant("model_O1.onnx", "fp32"),
    Variant("model_O2.onnx", "fp32"),
    Variant("model_O3.onnx", "fp32"),
    Variant("model_qint8_avx512_vnni.onnx", "int8", "avx512_vnni"),
    Variant("model_qint8_avx512.onnx", "int8", "avx512f"),
    Variant("model_quint8_avx2.onnx", "int8", "avx2"),
    Variant("model_qint8_arm64.onnx", "int8", "arm64"),
    Variant("model_quantized.onnx", "int8"),
    Variant("model_int8.onnx", "int8"),
    Variant("model_uint8.onnx", "int8"),
    Variant("model_fp16.onnx", "fp16"),
    Variant("model_O4.onnx", "fp16"),
    Variant("model_int4.onnx", "int4"),
    Variant("model_q4.onnx", "int4"),
)
_BY_FILE = {variant.file: variant for variant in VARIANTS}


@dataclass(frozen=True, slots=True)
class Choice:
    """The file to read, relative to the checkpoint's folder, its precision, and why it was taken."""

    file: str
    precision: str
    reason: str


def choose_weights(
    name: str,
    files: Collection[str],
    precision: str,
    *,
    formats: Collection[Format],
    static: bool,
    features: Collection[str],
) -> Choice:
    """As `choose_variant` where `formats` have "onnx" and there is an ONNX file, else the safetensors."""
    readable = weight_files(files, formats)
    if readable[:1] == [str(IR)]:
        return Choice(str(IR), precision, f"{IR}: made by secondpass")
    if readable and readable[0] in SAFETENSORS:
        return Choice(readable[0], precision, readable[0])
    return choose_variant(name, files, precision, static=static, features=features)


def choose_variant(
    name: str, files: Collection[str], precision: str, *, static: bool, features: Collection[str]
) -> Choice:
    """The ONNX file of `files` (relative paths with `/`) to read for `precision` on a machine with `features`.

    "auto" takes secondpass's own int8 file where it is there (`static` says so), else fp32, else fp16, else int4, whose
    activations stay as they are; never an int8 file of unknown making, because activation scales that are taken from
    each batch let a pair's score depend on its neighbours. Those are read for "int8" alone. "bf16" is computed from the
    fp32 file. Raises `InputError` for an unknown precision and `ModelLoadError` where no file fits, naming those
    that there are.
    """
    if precision not in PRECISIONS:
        raise InputError(f"precision={precision!r} is not known; choose one of {', '.join(map(repr, PRECISIONS))}.")
    graphs = onnx_files(files)
    own = _named(graphs, STATIC) if static else ""
    if own and precision in ("auto", "int8"):
        return Choice(own, "int8", f"{own}: int8 made by secondpass, no scale of which is taken from a batch")
    wanted = {"auto": ("fp32", "fp16", "int4"), "bf16": ("fp32",)}.get(precision, (precision,))
    for each in wanted:
        for variant in VARIANTS:
            found = _named(graphs, variant.file)
            if found and variant.precision == each and (not variant.needs or variant.needs in features):
                return Choice(found, each, _reason(found, variant))
    unnamed = [graph for graph in graphs if PurePosixPath(graph).name not in _BY_FILE]
    if len(graphs) == len(unnamed) == 1 and "fp32" in wanted:
        return Choice(graphs[0], "fp32", f"{graphs[0]}: the only ONNX file")
    raise _no_match(name, graphs, precision)


def weight_files(files: Collection[str], formats: Collection[Format]) -> list[str]:
    """The files of weights among `files` that can be read in one of `formats`."""
    graphs = onnx_files(files) if "onnx" in formats else []
    if "onnx" in formats and {MARKER, str(IR)} <= set(files):
        graphs.append(str(IR))
    return graphs + [file for file in SAFETENSORS if file in files and "safetensors" in formats]


def onnx_files(files: Collection[str]) -> list[str]:
    """The ONNX graphs among `files`: in `onnx/`, or beside config.json; those in `onnx/` first."""
    graphs = [file for file in files if file.endswith(".onnx") and file.count("/") <= 1]
    nested = sorted(file for file in graphs if file.startswith("onnx/"))
    return [*nested, *sorted(file for file in graphs if "/" not in file)]


def machine_features(here: Machine | None = None) -> frozenset[str]:
    """The instruction sets that a variant may be made for; AVX2 where an x86 system does not tell."""
    here = here or machine()
    if not here.x86:
        return frozenset({*here.instructions, "arm64"})
    return frozenset(here.instructions or ("avx2",))


def _named(graphs: Sequence[str], file: str) -> str:
    """The first of `graphs` with that file name, or nothing."""
    return next((graph for graph in graphs if PurePosixPath(graph).name == file), "")


def _reason(found: str, variant: Variant) -> str:
    if variant.precision != "int8":
        return f"{found}: {variant.precision}"
    return f"{found}: int8" + (f", made for {variant.needs}" if variant.needs else "")


def _no_match(name: str, graphs: Sequence[str], precision: str) -> ModelLoadError:
    there = ", ".join(graphs)
    if precision == "auto":
        return ModelLoadError(
            f"{name} has no ONNX file in fp32, only {there}. Quantised files may take their activation scales from "
            "each batch, so that a score depends on its neighbours: pass precision='int8' to read one all the same."
        )
    return ModelLoadError(
        f"{name} has no ONNX file for precision={precision!r} on this machine, only {there}. Pass precision='auto'."
    )
