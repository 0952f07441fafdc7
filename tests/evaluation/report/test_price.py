from __future__ import annotations

from secondpass.evaluation.prices import load
from secondpass.evaluation.report import known_prices


def test_models_without_a_price_are_left_out() -> None:
    table = load()
    names = ["zeroentropy:zerank-2", "Qwen/Qwen3-Reranker-4B", "hybrid(bm25, embedded)", "a/folder", "bm25"]
    found = known_prices(table, names)
    assert list(found) == names[:2]
    assert found["zeroentropy:zerank-2"] == table.of("zeroentropy:zerank-2")
