"""A model that compares documents as the last stage of a cascade: the first few, put into order among themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed")

from secondpass import Cascade, load
from secondpass.models.listwise.conversation import Answer, Conversation
from secondpass.models.listwise.scorer import ListwiseScorer
from secondpass.ranking.reranker import Reranker
from tests.seq2seq import write_t5

DOCUMENTS = [
    f"the {animal} is {i} years old" for i, animal in enumerate(["dog", "cat", "cow", "pig", "ant", "bee"] * 2)
]


def test_duot5_compares_the_best_that_a_cheaper_stage_found(tmp_path: Path) -> None:
    folder = write_t5(tmp_path, tied=False)
    duo = load(folder, recipe="duot5", precision="fp32", device="cpu")
    with duo, load("embedded") as first, Cascade([first, duo], keep=[4]) as cascade:
        found = [hit.index for hit in cascade.rank("how old is the ant?", DOCUMENTS)]
        best = [hit.index for hit in first.rank("how old is the ant?", DOCUMENTS)]
        among = [best[hit.index] for hit in duo.rank("how old is the ant?", [DOCUMENTS[i] for i in best[:4]])]
        assert found == among + best[4:]


def test_a_listwise_model_sees_the_best_in_the_order_that_they_were_found() -> None:
    shown: list[str] = []

    def answer(conversation: Conversation) -> Answer:
        shown.append(conversation.messages[-1].content)
        return Answer("[3] > [1] > [2]")

    last = Reranker(ListwiseScorer("chat", answer, recipe="rankzephyr"))
    with load("embedded") as first, Cascade([first, last], keep=[3]) as cascade:
        best = [hit.index for hit in first.rank("how old is the ant?", DOCUMENTS)]
        ranking = cascade.rank("how old is the ant?", DOCUMENTS)
        assert [hit.index for hit in ranking] == [best[2], best[0], best[1], *best[3:]]
        places = [shown[0].index(DOCUMENTS[i]) for i in best[:3]]
        assert places == sorted(places)
        assert ranking.stages[1].read == 3
