from __future__ import annotations

import json
from pathlib import Path

import pytest

from secondpass.backends.choose import Format
from secondpass.errors import ModelLoadError
from secondpass.models.converted import Converted, read_converted, write_converted
from secondpass.models.prompt_recipe import read_recipes
from secondpass.models.variants import IR, MARKER, choose_weights, weight_files

WHOLE: tuple[Format, ...] = ("onnx",)
WEIGHTS: tuple[Format, ...] = ("safetensors",)


@pytest.mark.parametrize("recipe", [None, *read_recipes()])
def test_a_note_says_what_was_written(recipe: str | None, tmp_path: Path) -> None:
    told = read_recipes()[recipe] if recipe else None
    note = Converted("prompt" if told else "pair", "someone/model", recipe=told, unverified="never compared")
    write_converted(tmp_path, note, precision="int4")
    assert read_converted(tmp_path) == note


def test_a_folder_without_a_note_or_with_an_older_one_has_none(tmp_path: Path) -> None:
    assert read_converted(tmp_path) is None
    (tmp_path / "onnx").mkdir()
    (tmp_path / MARKER).write_text('{"int8": "static", "calibration_pairs": 192}')
    assert read_converted(tmp_path) is None


@pytest.mark.parametrize(
    ("note", "message"),
    [
        ({"driver": "later"}, "the driver 'later'"),
        ({"driver": "prompt"}, "without its recipe"),
        ({"driver": "prompt", "recipe": {"name": "a", "colour": 1}}, "a recipe with colour"),
    ],
)
def test_a_note_of_another_version_is_refused(note: dict[str, object], message: str, tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / MARKER).write_text(json.dumps(note))
    with pytest.raises(ModelLoadError, match=message):
        read_converted(tmp_path)


def test_openvinos_format_is_taken_where_it_is_ours_and_there_is_no_onnx_file() -> None:
    ours = ["config.json", MARKER, str(IR)]
    assert weight_files(ours, WHOLE) == [str(IR)]
    assert choose_weights("m", ours, "auto", formats=WHOLE, static=False, features=()).file == str(IR)
    assert weight_files([*ours, "onnx/model.onnx"], WHOLE)[0] == "onnx/model.onnx"
    assert not weight_files(["config.json", str(IR)], WHOLE)
    assert not weight_files(ours, WEIGHTS)
