"""The page on probabilities says what the benchmark's record has."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_page_on_probabilities_has_the_numbers_that_were_measured() -> None:
    spec = importlib.util.spec_from_file_location("calibration_page", ROOT / "docs" / "calibration.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.is_current(), "run python docs/calibration.py"
