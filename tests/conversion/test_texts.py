from __future__ import annotations

import json
from pathlib import Path

import pytest

from secondpass.conversion.texts import LEAST, Samples, passages, samples
from secondpass.errors import InputError


def apart(found: Samples) -> bool:
    return not {text for _, text in found.calibration} & {text for _, text in found.measured}


def test_pairs_of_the_manual_are_apart_and_the_same_every_time() -> None:
    found = samples()
    assert found == samples()
    assert apart(found)
    assert len(found.measured) >= LEAST
    assert len({len(text.split()) for _, text in found.measured}) > 2


def test_lines_of_a_file_become_documents_with_their_beginnings_for_queries(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(f"line {i} has a few words and then some more of them" for i in range(100)))
    found = samples(path)
    assert apart(found)
    assert len(found.calibration) + len(found.measured) == 200
    assert all(len(query.split()) == 8 for query, _ in found.measured)


def test_json_lines_are_pairs(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps({"query": f"q{i % 9}", "document": f"d{i}"}) for i in range(150)))
    found = samples(path)
    assert {query for query, _ in found.measured} <= {f"q{i}" for i in range(9)}
    assert apart(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [("one line", "gives 2 pairs, and 128"), ('{"query": "a"}', "line 1.*document"), ("", "gives 0 pairs")],
)
def test_a_file_that_does_not_serve_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "texts").write_text(text)
    with pytest.raises(InputError, match=message):
        samples(tmp_path / "texts")
    with pytest.raises(InputError, match="cannot be read"):
        samples(tmp_path / "absent")


def test_passages_are_as_many_and_as_long_as_asked() -> None:
    found = passages(100, 80)
    assert len(set(found)) == 100
    assert {len(each.split()) for each in found} == {80}
