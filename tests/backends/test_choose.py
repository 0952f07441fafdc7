"""Which backend is taken, and the reason that is given."""

from __future__ import annotations

import pytest

from secondpass.backends import choose as module
from secondpass.backends.choose import NAMES, PRECISIONS, choose, pick
from secondpass.backends.machine import Machine, machine
from secondpass.errors import InputError, MissingExtra
from tests.backends.interpreter import run_python

VNNI = ("avx2", "avx512_vnni")


@pytest.mark.parametrize(
    ("architecture", "instructions", "installed", "taken", "reason"),
    [
        ("x86_64", VNNI, True, "openvino", "int8 instructions"),
        ("x86_64", VNNI, False, "onnxruntime", "not installed"),
        ("x86_64", ("avx2",), True, "onnxruntime", "no int8 instructions"),
        ("aarch64", ("dotprod",), True, "onnxruntime", "aarch64"),
        ("AMD64", (), True, "openvino", "x86"),
    ],
    ids=["server", "plain install", "old x86", "arm", "windows"],
)
def test_auto_takes_what_the_machine_is_good_at(
    architecture: str, instructions: tuple[str, ...], installed: bool, taken: str, reason: str
) -> None:
    name, why = pick(Machine("", architecture, "", 2, instructions), installed=installed)
    assert name == taken
    assert reason in why


def test_auto_follows_pick_on_this_machine() -> None:
    installed = module._openvino_installed()
    name, why = pick(machine(), installed=installed)
    told = choose().capabilities
    assert told.name == name
    assert told.reason.endswith(why)


def test_a_backend_can_be_asked_for_by_name() -> None:
    told = choose("onnxruntime", streams=3).capabilities
    assert (told.name, told.streams, told.precision) == ("onnxruntime", 3, "fp32")
    assert "asked for by name" in told.reason


def test_one_stream_a_usable_core_by_default() -> None:
    assert choose().capabilities.streams == machine().cores


@pytest.mark.parametrize("name", ["", "tensorrt", "ONNX"])
def test_an_unknown_name_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(InputError) as raised:
        choose(name)
    assert repr(name) in str(raised.value)
    assert all(repr(known) in str(raised.value) for known in NAMES)


@pytest.mark.parametrize("precision", ["fp64", "", "INT8"])
def test_an_unknown_precision_is_refused_with_those_that_there_are(precision: str) -> None:
    with pytest.raises(InputError) as raised:
        choose(precision=precision)
    assert repr(precision) in str(raised.value)
    assert all(repr(known) in str(raised.value) for known in PRECISIONS)


@pytest.mark.parametrize("streams", [0, -1])
@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_fewer_than_one_stream_is_refused(name: str, streams: int) -> None:
    pytest.importorskip(name)
    with pytest.raises(InputError, match=f"streams={streams}"):
        choose(name, streams=streams)


def test_bf16_is_refused_where_it_cannot_be_computed() -> None:
    with pytest.raises(InputError, match="openvino"):
        choose("onnxruntime", "bf16")


def test_without_openvino_its_name_gives_the_install_command_and_auto_does_without() -> None:
    told = run_python(
        """
        import sys
        sys.modules["openvino"] = None  # as if it were not installed: importing it raises ImportError
        from secondpass.backends import choose
        from secondpass.errors import MissingExtra
        try:
            choose.choose("openvino")
        except MissingExtra as error:
            print(error)
        print(choose.choose().capabilities.name)
        """
    )
    assert told.splitlines() == [
        str(MissingExtra("The OpenVINO backend", "openvino")),
        "onnxruntime",
    ]


def test_choosing_onnxruntime_imports_neither_runtime() -> None:
    told = run_python(
        """
        import sys
        from secondpass.backends.choose import choose
        choose("onnxruntime")
        print([name for name in ("onnxruntime", "openvino", "torch") if name in sys.modules])
        """
    )
    assert told.strip() == "[]"
