"""docs/parity.md names all that the parity tests of this run compared; with SECONDPASS_WRITE_PARITY=1, is written anew.

Collected last, see conftest.py.
"""

from __future__ import annotations

import os
import re
from datetime import date

from secondpass.models import blocks, decoders, encoders, seq2seq
from tests.parity.record import PAGE, SPECIFICATION, WRITE, Parity, committed


def test_the_page_names_every_family_reference_and_version(parity: Parity) -> None:
    if os.environ.get(WRITE) == "1":
        parity.write()
    missing = {(row.family, row.reference or "none", row.version) for row in parity.found} - committed()
    assert not missing, f"docs/parity.md lacks {sorted(missing)}: run {WRITE}=1 pytest tests/parity"


UNVERIFIED = {
    "RankT5": "rankt5",
    "RankT5 (naver)": "rankt5-encoder",
    "gte-multilingual (original layout)": "NewConfig",
    "jina-reranker-v1 (JinaBERT)": "JinaBertConfig",
    "jina-colbert-v2": "XLMRobertaFlashConfig",
    "jina-reranker-v2": "XLMRobertaFlashConfig",
    "jina-reranker-v3": blocks.UNVERIFIED,
    "llama-nemotron-rerank": "LlamaBidirectionalForSequenceClassification",
}
"""What the code calls the families that the page lists as unverified."""


def test_what_the_page_calls_unverified_warns_when_it_is_loaded_and_nothing_else_does() -> None:
    listed = PAGE.read_text(encoding="utf-8").partition("## Unverified families")[2]
    assert set(re.findall(r"^- (.+)$", listed, re.M)) == set(UNVERIFIED)
    by_name = {*encoders.UNVERIFIED, *decoders.UNVERIFIED, *seq2seq.UNVERIFIED}
    assert {*by_name, blocks.UNVERIFIED} == set(UNVERIFIED.values())


def test_of_several_differences_the_largest_is_shown() -> None:
    parity = Parity()
    for difference in (1e-6, 3e-5, 0.0):
        parity.record("bert", "sentence-transformers", "6.2.0", difference)
    assert "| bert | tiny | sentence-transformers | 6.2.0 | 3.0e-05 | equal |" in parity.page(date(2026, 11, 20))


def test_a_family_without_its_authors_code_is_listed_as_unverified() -> None:
    parity = Parity()
    parity.record("half", SPECIFICATION, "2026-11", 1e-6)
    parity.record("half", "its file", "abc", 1e-6)
    parity.record("none", SPECIFICATION, "2026-11", 1e-6)
    parity.record("bad", "its file", "abc", 0.5)
    page = parity.page(date(2026, 11, 20))
    assert page.endswith("- none\n")
    assert "- half" not in page
    assert "| bad | tiny | its file | abc | 5.0e-01 | **differs** |" in page
