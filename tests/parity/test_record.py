"""docs/parity.md names all that the parity tests of this run compared; with SECONDPASS_WRITE_PARITY=1, is written anew.

Collected last, see conftest.py.
"""

from __future__ import annotations

import os
from datetime import date

from tests.parity.record import SPECIFICATION, WRITE, Parity, committed


def test_the_page_names_every_family_reference_and_version(parity: Parity) -> None:
    if os.environ.get(WRITE) == "1":
        parity.write()
    missing = {(row.family, row.reference or "none", row.version) for row in parity.found} - committed()
    assert not missing, f"docs/parity.md lacks {sorted(missing)}: run {WRITE}=1 pytest tests/parity"


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
