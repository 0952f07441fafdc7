from __future__ import annotations

import json

from secondpass import __version__
from secondpass.backends.choose import choose
from secondpass.backends.machine import machine
from tests.cli.conftest import Command


def test_it_says_what_was_found_what_was_chosen_and_why(secondpass: Command) -> None:
    ran = secondpass("doctor")
    found = dict(line.split("\t", 1) for line in ran.stdout.splitlines())
    chosen = choose().capabilities
    assert found["secondpass"] == __version__
    assert found["cores"] == str(machine().cores)
    assert found["backend"] == f"{chosen.name} {chosen.version}"
    assert found["why"] == chosen.reason
    assert {"processor", "instructions", "python", "onnxruntime", "precision", "streams"} <= set(found)


def test_json_holds_the_same(secondpass: Command) -> None:
    found = json.loads(secondpass("doctor", "--json").stdout)
    assert found["machine"]["cores"] == machine().cores
    assert found["versions"]["secondpass"] == __version__
    assert found["backend"]["reason"]


def test_a_backend_asked_for_by_name_is_the_one_described(secondpass: Command) -> None:
    found = json.loads(secondpass("doctor", "--backend", "onnxruntime", "--streams", "1", "--json").stdout)["backend"]
    assert (found["name"], found["streams"]) == ("onnxruntime", 1)


def test_a_backend_that_does_not_exist_exits_2(secondpass: Command) -> None:
    ran = secondpass("doctor", "--backend", "abacus")
    assert ran.returncode == 2
    assert "'abacus'" in ran.stderr
