from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from secondpass.backends.machine import Machine
from secondpass.errors import InputError, ModelLoadError
from secondpass.models.variants import VARIANTS, choose_variant, machine_features, onnx_files

SENTENCE_TRANSFORMERS = [
    "onnx/model.onnx",
    "onnx/model_O1.onnx",
    "onnx/model_O4.onnx",
    "onnx/model_qint8_arm64.onnx",
    "onnx/model_qint8_avx512.onnx",
    "onnx/model_qint8_avx512_vnni.onnx",
    "onnx/model_quint8_avx2.onnx",
]
TRANSFORMERS_JS = ["onnx/model_fp16.onnx", "onnx/model_int8.onnx", "onnx/model_q4.onnx", "onnx/model_quantized.onnx"]
OWN = ["onnx/model.onnx", "onnx/model_int8.onnx"]


@pytest.mark.parametrize(
    ("files", "precision", "features", "chosen"),
    [
        (SENTENCE_TRANSFORMERS, "auto", {"avx512_vnni"}, "onnx/model.onnx"),
        (SENTENCE_TRANSFORMERS, "fp32", set(), "onnx/model.onnx"),
        (SENTENCE_TRANSFORMERS, "bf16", set(), "onnx/model.onnx"),
        (SENTENCE_TRANSFORMERS, "int8", {"avx512_vnni", "avx512f", "avx2"}, "onnx/model_qint8_avx512_vnni.onnx"),
        (SENTENCE_TRANSFORMERS, "int8", {"avx512f", "avx2"}, "onnx/model_qint8_avx512.onnx"),
        (SENTENCE_TRANSFORMERS, "int8", {"avx2"}, "onnx/model_quint8_avx2.onnx"),
        (SENTENCE_TRANSFORMERS, "int8", {"arm64"}, "onnx/model_qint8_arm64.onnx"),
        (TRANSFORMERS_JS, "int8", {"avx2"}, "onnx/model_quantized.onnx"),
        (TRANSFORMERS_JS, "auto", {"avx2"}, "onnx/model_fp16.onnx"),
        (["model.onnx"], "auto", set(), "model.onnx"),
        (["model.onnx", "onnx/model.onnx"], "auto", set(), "onnx/model.onnx"),
        (["onnx/encoder.onnx", "config.json"], "auto", set(), "onnx/encoder.onnx"),
        (OWN, "auto", {"avx2"}, "onnx/model.onnx"),
    ],
)
def test_the_file_is_chosen_by_precision_and_machine(
    files: Sequence[str], precision: str, features: set[str], chosen: str
) -> None:
    choice = choose_variant("name", files, precision, static=False, features=features)
    assert choice.file == chosen
    assert chosen in choice.reason


@pytest.mark.parametrize("precision", ["auto", "int8"])
def test_auto_takes_int8_only_where_its_scales_are_static(precision: str) -> None:
    choice = choose_variant("name", OWN, precision, static=True, features=())
    assert (choice.file, choice.precision) == ("onnx/model_int8.onnx", "int8")
    assert choose_variant("name", OWN, "fp32", static=True, features=()).file == "onnx/model.onnx"


def test_auto_refuses_int8_of_unknown_making_and_says_how_to_have_it() -> None:
    with pytest.raises(ModelLoadError, match=r"model_quantized\.onnx.*precision='int8'"):
        choose_variant("name", ["onnx/model_quantized.onnx"], "auto", static=False, features=())


def test_int8_for_another_machine_is_not_taken() -> None:
    files = ["onnx/model.onnx", "onnx/model_qint8_arm64.onnx"]
    with pytest.raises(ModelLoadError, match="no ONNX file for precision='int8' on this machine"):
        choose_variant("name", files, "int8", static=False, features={"avx2"})


def test_an_unknown_precision_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"precision='int3' is not known.*'int8'"):
        choose_variant("name", OWN, "int3", static=False, features=())


def test_graphs_deeper_down_and_other_files_are_left_alone() -> None:
    assert onnx_files(["a/b/model.onnx", "model.onnx_data", "onnx/b.onnx", "onnx/a.onnx", "c.onnx"]) == [
        "onnx/a.onnx",
        "onnx/b.onnx",
        "c.onnx",
    ]


def test_every_instruction_set_that_a_variant_needs_can_be_found_on_a_machine() -> None:
    x86 = Machine("Linux", "x86_64", "any", 1, ("avx2", "avx512_vnni", "avx512f"))
    arm = Machine("Darwin", "arm64", "any", 1, ("dotprod",))
    found = machine_features(x86) | machine_features(arm)
    assert {variant.needs for variant in VARIANTS} - {""} <= found


def test_an_x86_system_that_does_not_tell_is_taken_for_avx2() -> None:
    assert machine_features(Machine("Windows", "AMD64", "any", 1, ())) == {"avx2"}


def test_every_name_is_listed_once() -> None:
    names = [variant.file for variant in VARIANTS]
    assert len(names) == len(set(names))
    assert all(Path(name).suffix == ".onnx" for name in names)
