from __future__ import annotations

import sys

import pytest

from secondpass.cli.measure import peak_memory


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not report the peak memory")
def test_peak_memory_is_in_mebibytes_and_never_falls() -> None:
    before = peak_memory()
    assert before is not None
    assert 5 < before < 100_000
    del [bytearray(64 * 2**20)][:]
    after = peak_memory()
    assert after is not None
    assert after >= before
