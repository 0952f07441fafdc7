"""What still holds and what has lapsed: by state, successor and last day, and what an instruction makes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from secondpass.ranking.candidates import Candidates
from secondpass.ranking.rules import understand
from secondpass.ranking.rules.profile import profile_of
from secondpass.ranking.rules.standing import standing_of
from secondpass.types import Document

NOW = datetime(2026, 6, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "standing"),
    [
        ({"status": "in force"}, 1),
        ({"state": "No longer valid"}, -1),
        ({"statut": "abrogé"}, -1),
        ({"Zustand": "außer Kraft"}, -1),
        ({"estado": "vigente"}, 1),
        ({"状態": "廃止"}, -1),
        ({"superseded_by": "Notice 12"}, -1),
        ({"superseded_by": None, "status": "active"}, 1),
        ({"withdrawn_on": "2026-01-02"}, -1),
        ({"withdrawn_on": "2027-01-02"}, 1),
        ({"valid_until": "2026-06-22"}, 1),
        ({"validUntil": "21 June 2026"}, -1),
        ({"status": "active", "expires": "2020"}, -1),
        ({"published": "2019-01-01", "status": "draft"}, 0),
        ({}, 0),
    ],
)
def test_a_document_says_whether_it_holds(told: dict[str, Any], standing: int) -> None:
    assert profile_of(Document("An answer.", metadata=told), "", NOW).standing == standing


def test_a_header_says_it_too() -> None:
    text = "Notice 7\nStatus: withdrawn\n\nDogs are kept on a lead in the park, and may bathe in the pond at night."
    assert profile_of(text, text, NOW).standing == -1


def test_a_last_day_needs_a_day_to_be_held_against() -> None:
    assert standing_of([("valid until", "2020-01-01")], None) == 0


def moved(instruction: str, *told: dict[str, str]) -> np.ndarray:
    documents = [Document("An answer.", metadata=each) for each in told]
    logits = np.full(len(documents), 2.0)
    candidates = Candidates("query", None, documents, ["An answer."] * len(documents), logits, NOW)
    moves = understand(instruction, NOW, documents).moves(candidates)
    return np.asarray(np.sum(list(moves.values()), axis=0))


HOLDS, LAPSED = {"status": "in force", "issued": "2011-03-01"}, {"status": "superseded", "issued": "2025-03-01"}


@pytest.mark.parametrize(
    "instruction",
    [
        "Only what is still in force.",
        "Whatever holds good today will do.",
        "Do not show me a rule that has lapsed or been replaced.",
        "Pages that someone revoked, or that gave way to a successor, are of no use.",
        "Nur was noch gilt.",
        "Uniquement ce qui est toujours en vigueur.",
        "Solo lo que sigue vigente.",
        "現在も有効なものを優先してください。",
    ],
)
def test_what_holds_wins_however_old_it_is(instruction: str) -> None:
    holds, lapsed = moved(instruction, HOLDS, LAPSED)
    assert holds > lapsed


@pytest.mark.parametrize(
    "instruction",
    [
        "Show me the rules that no longer bind anyone, because they were pulled or ran out.",
        "Pages that have lost their force are the ones to be shown first.",
    ],
)
def test_what_has_lapsed_can_be_wanted(instruction: str) -> None:
    holds, lapsed = moved(instruction, HOLDS, LAPSED)
    assert lapsed > holds


def test_where_no_document_has_lapsed_the_newest_holds() -> None:
    old, new = moved("Only what is still in force.", {"issued": "2011-03-01"}, {"issued": "2025-03-01"})
    assert new > old
