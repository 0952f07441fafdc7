"""Which quantised checkpoints are read, by which library, and what is to be done about the others.

A table and what asks it. Knows config.json and which libraries are installed; nothing of tensors and of torch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from secondpass.errors import MissingExtra, ModelLoadError

EXTRA = "quantised"


@dataclass(frozen=True, slots=True)
class Format:
    """One way to store weights in fewer bits, as `quantization_config` in config.json names it.

    `weights` says what becomes of them in memory: "kept" small, "expanded" to the backend's precision when they are
    read, or "refused". `needs` are the modules that read it and `install` what pip is told; `whole` where
    transformers reads it under a language model's names alone. `instead` says why one is refused, and who reads it.
    """

    method: str
    title: str
    weights: Literal["kept", "expanded", "refused"]
    needs: tuple[str, ...] = ()
    install: str = ""
    whole: bool = False
    instead: str = ""


_IN_EXTRA = f"'secondpass[{EXTRA}]'"
FORMATS = (
    Format("bitsandbytes", "bitsandbytes, 8-bit, nf4, fp4", "kept", ("accelerate", "bitsandbytes"), _IN_EXTRA),
    Format(
        "compressed-tensors",
        "compressed-tensors: int8, int4, fp8, NVFP4, MXFP4",
        "expanded",
        ("compressed_tensors",),
        _IN_EXTRA,
    ),
    Format("fp8", "fp8 in blocks (fine-grained)", "expanded", ("accelerate",), _IN_EXTRA),
    Format("awq", "AWQ, 4-bit", "kept", ("accelerate", "gptqmodel"), "gptqmodel accelerate"),
    Format("gptq", "GPTQ", "kept", ("gptqmodel", "optimum"), "gptqmodel optimum"),
    Format("torchao", "torchao: int8, fp8", "kept", ("accelerate", "torchao"), "torchao accelerate", whole=True),
    Format(
        "mxfp4",
        "MXFP4 as in gpt-oss",
        "refused",
        instead="transformers 5.23 reads it for the experts of gpt-oss alone",
    ),
    Format("hqq", "HQQ", "refused", instead="transformers 5.23 says that it is not available yet"),
    Format("quanto", "quanto", "refused", instead="transformers 5.23 does not write it, it only quantises on load"),
    Format("nvfp4", "NVFP4 of transformers", "refused", instead="transformers 5.23 does not read it yet"),
    Format(
        "modelopt",
        "NVFP4 and fp8 of NVIDIA ModelOpt",
        "refused",
        instead="transformers 5.23 does not know it and would take the codes for weights",
    ),
    Format(
        "fbgemm_fp8",
        "fp8 of fbgemm",
        "refused",
        instead="transformers 5.23 asks for a GPU to read it, and it was not tried",
    ),
    Format("auto-round", "AutoRound", "refused", instead="it needs the library auto-round, and was not tried"),
    Format("bitnet", "BitNet", "refused", instead="it was not tried"),
    Format(
        "gguf",
        "GGUF",
        "refused",
        instead="its files hold no safetensors, from which heads are read",
    ),
)
"""Every format that was looked into, in the order of the page that `docs/quantised.py` writes."""

REMEDY = "Choose the same model in fp32, fp16 or bf16; precision='int8' or 'int4' makes its weights small on load."
_PACKED = ("qweight", "weight_packed", "_weight_qdata")
_FLOATS = ("F64", "F32", "F16", "BF16")


def find_format(folder: Path, settings: Mapping[str, Any]) -> Format | None:
    """The format of the weights in `folder`, whose config.json says `settings`; None where they are not quantised.

    Raises `ModelLoadError` for a format that is not read, `MissingExtra` where the extra that reads it is not
    installed; nothing of the weights has been read by then.
    """
    told = settings.get("quantization_config")
    if not told:
        return None
    named = told.get("quant_method") or ("bitsandbytes" if _bits(told) else None)
    found = next((each for each in FORMATS if each.method == named), None)
    if found is None:
        method = named or "a method that it does not name"
        raise ModelLoadError(f"{folder} has weights quantised with {method}, which is not read. {REMEDY}")
    if found.weights == "refused":
        raise ModelLoadError(
            f"{folder} has weights quantised with {found.method} ({found.title}), which is not read: {found.instead}. "
            f"{REMEDY}"
        )
    _require(folder, found)
    return found


def reading(found: Format | None, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What reads that format on the CPU: fields of config.json to replace, and arguments of `from_pretrained`."""
    if found is None:
        return {}, {}
    if found.weights == "expanded":
        # In the file's own settings: transformers warns of those that are given beside them.
        return {"quantization_config": {**settings["quantization_config"], "dequantize": True}}, {}
    return {}, {"device_map": {"": "cpu"}}  # without it some libraries choose a GPU by themselves


def require_plain(path: Path, names: tuple[str, ...], held: Collection[str], kind: str = "F32") -> None:
    """Raise `ModelLoadError` where the first of the tensors `names` at `path` is quantised.

    `held` are the names in the files; `kind` is the type that safetensors gives for the one that is read.
    """
    for name in names:
        stem = name.removesuffix("weight")
        packed = next((stem + each for each in _PACKED if name.endswith("weight") and stem + each in held), None)
        if packed or (name in held and kind not in _FLOATS):
            raise ModelLoadError(
                f"{path} has {packed or f'{name} in {kind}'}: the matrix that its score is read from is quantised, and "
                "is read in full precision only. Choose a checkpoint that leaves its output matrix as it is, or the "
                "same model in fp32, fp16 or bf16."
            )
        if name in held:
            return


def _bits(told: Mapping[str, Any]) -> bool:
    """Whether these are the settings of bitsandbytes as it wrote them before methods had names."""
    return bool(told.get("load_in_8bit") or told.get("load_in_4bit"))


def _require(folder: Path, found: Format) -> None:
    missing = [name for name in found.needs if find_spec(name) is None]
    if not missing:
        return
    if found.install == _IN_EXTRA:
        raise MissingExtra(
            f"{folder}, quantised with {found.method}, and {' and '.join(missing)}, which reads it,", EXTRA
        )
    raise ModelLoadError(
        f"{folder} has weights quantised with {found.method}, which {' and '.join(missing)} would read: "
        f"pip install {found.install}. {REMEDY}"
    )
