from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from secondpass.cli import convert as command
from secondpass.conversion import convert as library
from tests.checkpoints import write_checkpoint
from tests.cli.conftest import Command


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("convert") / "model", "bert")


def test_a_model_is_converted_measured_and_ranked_with(model: Path, tmp_path: Path, secondpass: Command) -> None:
    ran = secondpass("convert", model, "--output", "made", "--precision", "int8")
    assert ran.returncode == 0, ran.stderr
    rows = [line.split("\t") for line in ran.stdout.splitlines()]
    assert rows[0] == ["measured", "before", "after"]
    assert [row[0].split()[0] for row in rows[1:]] == ["largest", "mean", "largest,", "rank", "weights", "seconds"]
    assert "reading 192 pairs" in ran.stderr
    ranked = secondpass("rank", "--model", "./made", "who wrote it?", stdin="a river\na book\n")
    assert ranked.returncode == 0, ranked.stderr


def test_json_has_all_that_was_measured(model: Path, secondpass: Command) -> None:
    ran = secondpass("convert", model, "--output", "made", "--json")
    found = json.loads(ran.stdout)
    assert found["relative"] == pytest.approx(found["drift"]["largest"] / found["drift"]["spread"])
    assert found["target"] == "onnx"


def test_a_model_that_is_too_far_off_ends_with_the_number(model: Path, tmp_path: Path, secondpass: Command) -> None:
    ran = secondpass("convert", model, "--output", "made", "--precision", "int4", "--tolerance", "1e-6")
    assert ran.returncode == 1
    assert re.search(r"secondpass: .* off, .*1e-06 is tolerated; nothing was written", ran.stderr)
    assert not (tmp_path / "made").exists()


def test_the_choices_and_defaults_offered_are_the_librarys() -> None:
    assert get_args(command.Target) == get_args(library.Target)
    assert get_args(command.Precision) == get_args(library.Precision)
    told = str(command.convert.__annotations__["tolerance"])
    assert all(f"{share:g} in {precision}" in told for precision, share in library.TOLERANCES.items())
