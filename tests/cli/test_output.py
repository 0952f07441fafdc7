from __future__ import annotations

import json

import pytest

from secondpass.cli.output import write_json, write_table


def test_a_pipe_gets_whole_cells_with_tabs_and_line_ends_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    long = "word " * 500
    write_table(("rank", "score", "text"), [[1, "0.1235", f"a\tb\nc {long}"], [2, None, "x"]])
    assert capsys.readouterr().out.split("\n") == ["rank\tscore\ttext", f"1\t0.1235\ta\\tb\\nc {long}", "2\t\tx", ""]


def test_json_is_one_value_that_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"text": "Größe 大", "scores": [0.5]})
    written = capsys.readouterr().out
    assert "Größe 大" in written
    assert json.loads(written) == {"text": "Größe 大", "scores": [0.5]}
