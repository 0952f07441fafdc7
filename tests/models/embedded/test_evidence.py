from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.models.embedded.evidence import FEATURES, DocumentEvidence, IdfTable, QueryEvidence

TABLE = IdfTable({"the": 0.5, "cat": 4.0, "sat": 5.0, "mat": 6.0}, unseen=10.0)


def features(query: str, document: str, instruction: str | None = None) -> dict[str, float]:
    found = QueryEvidence(query, instruction, TABLE).features(DocumentEvidence.of(document, TABLE))
    assert found.dtype == np.float32
    return dict(zip(FEATURES, found.tolist(), strict=True))


def test_cover_is_the_share_of_the_querys_idf_that_occurs() -> None:
    assert features("the cat sat", "a cat")["cover"] == pytest.approx(4 / 9.5)
    assert features("the cat sat", "the cat sat on the mat")["cover"] == pytest.approx(1)
    assert features("the cat sat", "dogs")["cover"] == 0


def test_bm25_saturates_with_repetition_and_falls_with_length() -> None:
    once, twice = features("cat", "cat")["bm25"], features("cat", "cat cat")["bm25"]
    assert 0 < once < twice < 1
    assert twice - once < once
    assert features("cat", "cat " + "dog " * 500)["bm25"] < once


def test_inflections_meet_in_their_first_letters() -> None:
    found = features("planning", "the plans were planned")
    assert found["cover"] == 0
    assert found["stem_cover"] == 1
    assert 0 < found["fuzzy_cover"] < 1


def test_numbers_and_identifiers_are_matched_exactly() -> None:
    assert features("release 2.10", "release 2.10")["exact_cover"] == 1
    assert features("release 2.10", "release 2.1")["exact_cover"] == 0
    assert features("get_name of cat", "def get_name(): ...")["exact_cover"] == 1
    assert features("cat", "cat")["has_exact"] == 0


def test_neighbouring_terms_count_only_side_by_side_and_in_order() -> None:
    assert features("cat sat", "the cat sat")["pair_cover"] == 1
    assert features("cat sat", "the sat cat")["pair_cover"] == 0
    assert features("cat sat", "bobcat saturn")["pair_cover"] == 0


def test_the_head_is_the_documents_first_terms() -> None:
    assert features("cat", "cat " + "dog " * 50)["head_cover"] == 1
    assert features("cat", "dog " * 50 + "cat")["head_cover"] == 0


def test_an_instruction_has_evidence_of_its_own() -> None:
    told = features("cat", "the mat", instruction="mat")
    assert (told["has_instruction"], told["instruction_cover"]) == (1, 1)
    plain = features("cat", "the mat")
    assert (plain["has_instruction"], plain["instruction_cover"]) == (0, 0)
    same = {name: value for name, value in told.items() if "instruction" not in name}
    assert same == {name: value for name, value in plain.items() if "instruction" not in name}


def test_letters_of_other_scripts_are_seen() -> None:
    assert features("猫はどこ", "猫")["foreign"] == 1
    assert features("cat 猫", "猫")["foreign"] == pytest.approx(0.25)


@given(st.text(max_size=200), st.text(max_size=400), st.none() | st.text(max_size=50))
def test_every_number_is_finite_for_any_text(query: str, document: str, instruction: str | None) -> None:
    assert all(np.isfinite(value) for value in features(query, document, instruction).values())


@given(st.text(max_size=200), st.text(max_size=400))
def test_shares_lie_between_0_and_1(query: str, document: str) -> None:
    found = features(query, document)
    assert all(-1e-6 <= found[name] <= 1 + 1e-6 for name in FEATURES if name.endswith("cover") or name == "foreign")


def test_a_table_reads_back_as_it_was_written(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "words.npz")
    read = IdfTable.from_file(tmp_path / "words.npz")
    assert read.unseen == TABLE.unseen
    assert read["never met"] == TABLE.unseen
    assert {term: read[term] for term in TABLE.values} == pytest.approx(dict(TABLE.values), abs=6 / 255)
