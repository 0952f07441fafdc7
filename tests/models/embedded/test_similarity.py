import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.models.embedded.similarity import NAMES, AskedStates, States, similarities

WIDTH = 8


def states(rows: int, seed: int) -> States:
    return np.random.default_rng(seed).normal(size=(rows, WIDTH)).astype(np.float32)


def named(row: np.ndarray[tuple[int], np.dtype[np.float32]]) -> dict[str, float]:
    return dict(zip(NAMES, row.tolist(), strict=True))


def cosine(a: States, b: States) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


IDF = np.array([0, 2, 6, 0], np.float32)


def test_the_numbers_are_what_their_names_say() -> None:
    query, document, told = states(4, 1), states(40, 2), states(3, 3)
    found = named(similarities(AskedStates.of(query, IDF, told), [document])[0])
    best = [max(cosine(q, d) for d in document) for q in query]
    assert found["cosine"] == pytest.approx(cosine(query.mean(0), document.mean(0)), abs=1e-5)
    assert found["late"] == pytest.approx((best[1] + best[2]) / 2, abs=1e-5)
    assert found["late_idf"] == pytest.approx((2 * best[1] + 6 * best[2]) / 8, abs=1e-5)
    assert found["late_rare"] == pytest.approx((4 * best[1] + 36 * best[2]) / 40, abs=1e-5)
    assert found["late_least"] == pytest.approx(min(best[1:3]), abs=1e-5)
    back = [max(cosine(query[i], d) for i in (1, 2)) for d in document]
    assert found["late_back"] == pytest.approx(np.mean(back), abs=1e-5)
    windows = [document[0:32], document[16:40]]
    assert found["cosine_window"] == pytest.approx(max(cosine(query.mean(0), w.sum(0)) for w in windows), abs=1e-5)
    assert found["instruction_cosine"] == pytest.approx(cosine(told.mean(0), document.mean(0)), abs=1e-5)
    told_best = [max(cosine(t, d) for d in document) for t in told]
    assert found["instruction_late"] == pytest.approx(np.mean(told_best), abs=1e-5)


def test_without_an_instruction_its_numbers_are_0() -> None:
    found = named(similarities(AskedStates.of(states(4, 1), IDF, None), [states(5, 2)])[0])
    assert found["instruction_cosine"] == found["instruction_late"] == 0


def test_a_query_of_special_tokens_alone_weighs_them_evenly() -> None:
    query, document = states(2, 1), states(5, 2)
    found = named(similarities(AskedStates.of(query, np.zeros(2, np.float32), None), [document])[0])
    assert found["late"] == pytest.approx(np.mean([max(cosine(q, d) for d in document) for q in query]), abs=1e-5)


@given(st.lists(st.integers(2, 90), min_size=1, max_size=6), st.integers(0, 100))
def test_a_document_is_the_same_alone_and_among_others(lengths: list[int], seed: int) -> None:
    asked = AskedStates.of(states(4, seed), IDF, states(3, seed + 1))
    documents = [states(length, seed + 2 + i) for i, length in enumerate(lengths)]
    together = similarities(asked, documents)
    alone = np.concatenate([similarities(asked, [document]) for document in documents])
    np.testing.assert_allclose(together, alone, atol=2e-6)
