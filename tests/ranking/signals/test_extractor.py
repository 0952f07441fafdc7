"""Names in labelled sentences, and what the rules say one by one."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.ranking.signals.extractor import Extractor, normalised

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Write to ann@harbour.example or see https://harbour.example/a.",
            ["ann@harbour.example", "https://harbour.example/a"],
        ),
        ("we read 'The Trial' and “Amerika” aloud", ["The Trial", "Amerika"]),
        ("it's the users' own fault", []),
        ("the A380, an RTX-4090, NASA and macOS", ["A380", "RTX-4090", "NASA", "macOS"]),
        ("On Monday 3 March 2021, in Section 4, we met Tom.", ["Tom"]),
        ("THE WHOLE REPORT IS IN CAPITALS", []),
        ("Dr. Helen Okafor spoke. Prof. Li did not.", ["Helen Okafor", "Li"]),
        ("Tom and Ann met; later Tom left with Ann.", ["Tom", "Ann"]),
        ("L'avocat de Camille Dubois est arrivé à Lyon.", ["Camille Dubois", "Lyon"]),
        ("So it was found [2] . It is shown at https://papers.example/PMC27/x.", ["https://papers.example/PMC27/x"]),
        ("", []),
        ("   \n ", []),
    ],
)
def test_names_are_found_as_they_stand(text: str, expected: list[str]) -> None:
    assert Extractor().names(text) == expected


def test_german_nouns_are_no_names_for_their_capital_alone() -> None:
    text = "Die Rechnung für den Kunden liegt im Archiv, und der Vertrag mit Siemens beim Anwalt in Kassel."
    assert Extractor().names(text) == ["Siemens", "Kassel"]


def test_a_gazetteer_finds_what_no_rule_would() -> None:
    assert Extractor(gazetteer=("blue ledger",)).names("where is the Blue Ledger? the blue ledgers?") == ["Blue Ledger"]
    assert Extractor(gazetteer=("東京タワー",)).names("明日は東京タワーに行く") == ["東京タワー"]


def test_names_are_compared_without_case_accents_and_possessives() -> None:
    assert normalised("Björk’s") == normalised("BJORK") == ("bjork",)
    assert normalised("  ") == ()


@given(st.text(max_size=200))
def test_any_text_can_be_read_and_names_stand_in_it(text: str) -> None:
    found = Extractor().names(text)
    assert all(name in text and name for name in found)
    assert found == Extractor().names(text)


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("entities_benchmark", ROOT / "benchmarks" / "entities.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_the_precision_and_recall_that_the_script_prints() -> None:
    benchmark = script()
    rows = [json.loads(line) for line in benchmark.SENTENCES.read_text(encoding="utf-8").splitlines()]
    page = (ROOT / "docs" / "signals.md").read_text(encoding="utf-8")
    assert "\n".join(benchmark.table(rows)) in page, "run python benchmarks/entities.py"


def test_labels_stand_in_their_sentences_and_every_language_has_both_halves() -> None:
    rows = [json.loads(line) for line in script().SENTENCES.read_text(encoding="utf-8").splitlines()]
    assert all(re.search(re.escape(name), row["text"]) for row in rows for name in row["names"])
    assert {(row["language"], row["split"]) for row in rows} == {
        (language, split) for language in ("en", "de", "es") for split in ("tuned", "held-out")
    }
