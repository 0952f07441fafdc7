from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Command


def test_a_file_of_code_is_one_document(secondpass: Command, tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("def getUser():\n    return 1\n", encoding="utf-8")
    ran = secondpass("render", file)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [f"── {file} · code", "get user", "def getUser():", "return 1"]


def test_records_are_told_one_by_one_as_json(secondpass: Command) -> None:
    ran = secondpass("render", "--json", stdin='{"name": "a_b", "description": "c"}\n{"x": {"y": 1, "z": 2}}\n')
    assert [(one["kind"], one["text"]) for one in json.loads(ran.stdout)] == [
        ("tool", "a_b\nc"),
        ("record", "x:\n  y: 1\n  z: 2"),
    ]
    chosen = secondpass("render", "--json", "--field", "x.y", stdin='{"x": {"y": 1, "z": 2}}\n')
    assert json.loads(chosen.stdout)[0]["text"] == "x.y: 1"
