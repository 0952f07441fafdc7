"""`secondpass.convert`: a model that torch computes, written as one graph that onnxruntime or OpenVINO does.

What was written is measured against what it was made of before anyone sees it, and thrown away where it is too far off.
Knows the order of the steps; what a graph looks like in each precision is in `static` and `weights`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from secondpass.backends.base import PREFIX
from secondpass.backends.torch.loading import import_torch
from secondpass.conversion.calibration import Batch
from secondpass.conversion.drift import Drift, Timed, compare, timed
from secondpass.conversion.graph import import_onnx, load, save
from secondpass.conversion.static import static_int8
from secondpass.conversion.texts import Pair, Samples, samples
from secondpass.conversion.trace import trace
from secondpass.conversion.watched import WatchedBackend
from secondpass.conversion.weights import half, weight_only
from secondpass.errors import InputError, MissingExtra, ModelError, ModelLoadError, UnverifiedWarning
from secondpass.models.converted import DRIVERS, Converted, write_converted
from secondpass.models.files import CONFIG_FILES, Checkpoint, Name, weight_paths
from secondpass.models.load import find_weights, load_scorer, scorer_of
from secondpass.models.plan import Plan
from secondpass.models.recipe import read_json
from secondpass.models.variants import IR, MARKER
from secondpass.ranking.reranker import Reranker

if TYPE_CHECKING:
    from onnx import ModelProto

Target = Literal["onnx", "openvino"]
Precision = Literal["fp32", "fp16", "int8", "int4"]
Told = Callable[[str], None]

TOLERANCES: Mapping[Precision, float] = {"fp32": 1e-3, "fp16": 0.02, "int8": 0.75, "int4": 1.0}
"""The greatest difference of a logit that is written without being asked for, as a share of the logits' spread.

Above what MiniLM with a random head was measured at (int8 0.62, int4 0.81), whose logits lie closer together than
those of any model that was trained to rank."""

_FILES: Mapping[Precision, str] = {
    "fp32": "model.onnx",
    "fp16": "model_fp16.onnx",
    "int8": "model_int8.onnx",
    "int4": "model_int4.onnx",
}
_NOT_COPIED = ("adapter_config.json", "modules.json", MARKER)  # what they tell of is in the graph
_RUNTIMES: Mapping[Target, str] = {"onnx": "onnxruntime", "openvino": "openvino"}


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was written, and what was measured: bytes of the weights and seconds for 100 documents, before and after.

    `tolerance`: the greatest `drift.relative` that would have been written.
    """

    folder: Path
    target: Target
    precision: Precision
    drift: Drift
    tolerance: float
    sizes: tuple[int, int]
    seconds: tuple[float, float]


def convert(
    name: Name,
    output: str | os.PathLike[str],
    *,
    to: Target = "onnx",
    precision: Precision = "fp32",
    calibration: str | os.PathLike[str] | None = None,
    tolerance: float | None = None,
    recipe: str | None = None,
    revision: str | None = None,
    cache_dir: Path | None = None,
    told: Told | None = None,
) -> Conversion:
    """Write a cross-encoder or a decoder into the folder `output`, which `secondpass.load` then takes.

    `to`: "onnx", which onnxruntime and OpenVINO read, or "openvino", its own format. `precision`: "fp32"; "fp16", for
    weights alone; "int8", of encoders weights and activations with static scales, of decoders weights alone; "int4",
    for weights alone. `calibration`: a file of real pairs (`texts.samples`) to fix int8 scales and to measure by;
    Python's manual by default. `tolerance`: how far a logit may be from torch's in fp32, as a share of the logits'
    standard deviation; `TOLERANCES` by default. `recipe`: as for `load`. `told` is told of every step.

    Raises `ModelError`, and leaves nothing behind, where a logit is further off; `InputError` where `output` is there;
    `MissingExtra`; `UnknownModel`, `UntrainedHead` and `ModelLoadError` as `load` does.
    """
    folder, allowed = _checked(Path(output), to, precision, tolerance)
    _require_libraries(to)
    pairs = samples(None if calibration is None else Path(calibration))
    say = told or _silent
    say(f"reading {name}")
    checkpoint, plan = find_weights(name, revision=revision, cache_dir=cache_dir, recipe=recipe)
    _require_convertible(checkpoint, plan)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as place:
        made = Path(place) / "model"
        exact = _write(checkpoint, plan, made, pairs, to, precision, say)
        say("measuring what was written")
        converted = _measured(made, to, pairs.measured)
        drift = compare(exact.logits, converted.logits)
        if not drift.relative <= allowed:
            raise _too_far(checkpoint.name, precision, drift, allowed)
        sizes = _bytes(checkpoint.graph), _written(made)
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    return Conversion(folder, to, precision, drift, allowed, sizes, (exact.seconds, converted.seconds))


def _checked(folder: Path, to: str, precision: str, tolerance: float | None) -> tuple[Path, float]:
    """The folder to write and what is tolerated. Raises `InputError` for what cannot be meant."""
    folder = folder.expanduser().absolute()
    for named, value, known in (("to", to, get_args(Target)), ("precision", precision, get_args(Precision))):
        if value not in known:
            raise InputError(f"{named}={value!r} is not known; choose one of {', '.join(map(repr, known))}.")
    if tolerance is not None and not tolerance > 0:
        raise InputError(f"tolerance={tolerance}: give a share of the logits' spread above 0, or None for the default.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is already there. Name a folder that is not, or remove it.")
    if not folder.parent.is_dir():
        raise InputError(f"There is no folder {folder.parent} to write into: make it first.")
    return folder, TOLERANCES[cast(Precision, precision)] if tolerance is None else tolerance


def _require_libraries(to: Target) -> None:
    """Before minutes are spent."""
    import_onnx()
    import_torch()
    if to == "openvino":
        try:
            import openvino  # noqa: F401
        except ImportError as error:
            raise MissingExtra("to='openvino'", "openvino") from error


def _require_convertible(checkpoint: Checkpoint, plan: Plan) -> None:
    if plan.driver not in DRIVERS:
        raise ModelError(
            f"{checkpoint.name} is not read in one pass a pair (its driver is {plan.driver!r}), so no one graph holds "
            "all that is computed. Cross-encoders and decoders that are asked about one document can be converted."
        )
    if "quantization_config" in read_json(checkpoint.folder / "config.json"):
        raise ModelLoadError(
            f"{checkpoint.name} has weights that are quantised already. Convert the same model in fp32, fp16 or bf16."
        )


def _write(
    checkpoint: Checkpoint, plan: Plan, made: Path, pairs: Samples, to: Target, precision: Precision, say: Told
) -> Timed:
    """Write the folder `made`, and give the logits of the pairs to measure by as torch computes them."""
    backend = WatchedBackend()
    with Reranker(scorer := scorer_of(checkpoint, plan, backend), capabilities=scorer.capabilities) as reranker:
        say("computing exact logits with torch")
        exact = timed(reranker, pairs.measured)
        decoder = plan.driver == "prompt" or PREFIX in backend.graph.inputs
        seen = backend.watch()
        if precision == "int8" and not decoder:
            say(f"reading {len(pairs.calibration)} pairs to calibrate with")
            timed(reranker, pairs.calibration)
        say(f"writing the graph in {precision}")
        with tempfile.TemporaryDirectory(dir=made.parent) as place:
            traced = Path(place) / "traced.onnx"
            scope = trace(backend.graph, traced)
            model = _in_precision(load(traced), scope, to, precision, decoder, cast(list[Batch], seen))
    _save(model, made, to, precision)
    _describe(checkpoint, plan, made, to, precision)
    return exact


def _in_precision(
    model: ModelProto, scope: str, to: Target, precision: Precision, decoder: bool, seen: Sequence[Batch]
) -> ModelProto:
    if precision == "fp16" and to == "onnx":  # OpenVINO makes its own
        return half(model, scope)
    if precision == "int4":
        return weight_only(model, scope, 4)
    if precision == "int8":
        return weight_only(model, scope, 8) if decoder else static_int8(model, scope, seen)
    return model


def _save(model: ModelProto, made: Path, to: Target, precision: Precision) -> None:
    if to == "onnx":
        save(model, made / "onnx" / _FILES[precision])
        return
    import openvino

    with tempfile.TemporaryDirectory(dir=made.parent) as place:
        path = Path(place) / _FILES[precision]
        save(model, path)
        (made / IR).parent.mkdir(parents=True)
        openvino.save_model(openvino.convert_model(path), made / IR, compress_to_fp16=precision == "fp16")


def _describe(checkpoint: Checkpoint, plan: Plan, made: Path, to: Target, precision: Precision) -> None:
    """Copy the files that tell how the model is read, and write the note that tells the rest."""
    for name in CONFIG_FILES:
        if name not in _NOT_COPIED and (checkpoint.folder / name).is_file():
            shutil.copy(checkpoint.folder / name, made / name)
    shutil.copy(checkpoint.tokenizer, made / "tokenizer.json")
    driver = next(each for each in DRIVERS if each == plan.driver)
    note = Converted(driver, f"{checkpoint.name} {checkpoint.version}", plan.reference, plan.recipe, plan.unverified)
    write_converted(made, note, format=to, precision=precision)


def _measured(made: Path, to: Target, pairs: tuple[Pair, ...]) -> Timed:
    """The logits of the folder that was written; in fp32 where a runtime has a choice."""
    precision = "fp32" if to == "openvino" else "auto"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnverifiedWarning)  # whoever loads the folder is told
        scorer = load_scorer(made, backend=_RUNTIMES[to], precision=precision)
    with Reranker(scorer, capabilities=scorer.capabilities) as reranker:
        return timed(reranker, pairs)


def _too_far(name: str, precision: Precision, drift: Drift, allowed: float) -> ModelError:
    return ModelError(
        f"{name} in {precision} gives a logit that is {drift.largest:.4g} off, {drift.relative:.4g} of the logits' "
        f"spread ({drift.spread:.4g} over {drift.pairs} pairs), and {allowed:g} is tolerated; nothing was written. "
        "Choose a greater precision, calibrate with texts such as the model will read (calibration=), or say that this "
        "is near enough (tolerance=)."
    )


def _bytes(graph: Path) -> int:
    return sum(path.stat().st_size for path in weight_paths(graph))


def _written(made: Path) -> int:
    paths = [*made.glob("onnx/*.onnx*"), *made.glob(f"{IR.parent}/*")]
    return sum(path.stat().st_size for path in paths)


def _silent(_: str) -> None: ...
