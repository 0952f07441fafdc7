import dataclasses
import io
import json

import pytest
from rich.console import Console

from secondpass import Document, Hit, Ranking


def hit(index: int, score: float, text: str = "some text", tokens: int = 10, *, truncated: bool = False) -> Hit:
    return Hit(index=index, score=score, logit=score * 4, document=text, tokens=tokens, truncated=truncated)


RANKING = Ranking("who?", (hit(2, 0.9, "<b>one</b>"), hit(0, 0.5, tokens=200, truncated=True), hit(1, 0.1)), "embedded")


def test_a_ranking_is_a_sequence_of_hits() -> None:
    assert len(RANKING) == 3
    assert [h.index for h in RANKING] == [2, 0, 1]
    assert RANKING[0].index == 2
    assert RANKING[-1].index == 1
    assert RANKING[0] in RANKING


def test_a_slice_of_a_ranking_is_a_ranking() -> None:
    top = RANKING[:2]
    assert isinstance(top, Ranking)
    assert (top.query, top.model, [h.index for h in top]) == ("who?", "embedded", [2, 0])


def test_fit_passes_over_what_is_too_long_and_keeps_the_order() -> None:
    assert [h.index for h in RANKING.fit(tokens=25)] == [2, 1]
    assert [h.index for h in RANKING.fit(tokens=210)] == [2, 0]
    assert len(RANKING.fit(tokens=9)) == 0


def test_to_dict_is_json_and_holds_all_there_is_to_tell() -> None:
    document = Document("text", id="a", title="T", metadata={"year": 2020})
    ranking = Ranking(
        "q", (Hit(0, 0.5, 0.0, document, 3, signals={"recency": 0.1}, parts={"bm25": 2.5}),), "m", degraded=True
    )
    assert json.loads(json.dumps(ranking.to_dict())) == {
        "query": "q",
        "model": "m",
        "degraded": True,
        "rules": [],
        "stages": [],
        "hits": [
            {
                "index": 0,
                "score": 0.5,
                "logit": 0.0,
                "tokens": 3,
                "truncated": False,
                "chunks": 1,
                "signals": {"recency": 0.1},
                "parts": {"bm25": 2.5},
                "probability": None,
                "duplicates": [],
                "span": None,
                "passage": None,
                "passages": [],
                "document": {"id": "a", "title": "T", "text": "text", "metadata": {"year": 2020}},
            }
        ],
    }


def test_values_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RANKING[0].score = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("document", "id_", "text"),
    [
        ("plain", None, "plain"),
        (Document("text", id="a"), "a", "text"),
        ({"id": 7, "text": "row"}, "7", "row"),
        ({"_id": "b", "name": "f"}, "b", "{'_id': 'b', 'name': 'f'}"),
        ({"id": "c", "page_content": "page"}, "c", "page"),
    ],
)
def test_a_hit_knows_its_documents_id_and_text(document: str | Document | dict[str, str], id_: str, text: str) -> None:
    found = Hit(0, 0.5, 0.0, document, 1)
    assert (found.id, found.text) == (id_, text)


def test_a_hit_reads_like_a_row_of_cross_encoder_rank() -> None:
    first = RANKING[0]
    assert {key: first[key] for key in ("corpus_id", "score", "text")} == {
        "corpus_id": 2,
        "score": 0.9,
        "text": "<b>one</b>",
    }
    with pytest.raises(KeyError):
        first["logit"]


def test_the_table_in_a_terminal_shows_every_hit_and_marks_cuts() -> None:
    stream = io.StringIO()
    Console(file=stream, width=100).print(RANKING)
    shown = stream.getvalue()
    assert "who? · embedded" in shown
    assert "0.9000" in shown
    assert "200…" in shown
    assert shown.count("some text") == 2


def test_the_notebook_table_escapes_what_documents_contain() -> None:
    shown = RANKING._repr_html_()
    assert "&lt;b&gt;one&lt;/b&gt;" in shown
    assert shown.count("<tr>") == 4


def test_printing_needs_no_terminal_and_cuts_long_text_visibly() -> None:
    shown = str(Ranking("q", (hit(0, 0.5, "word " * 100),), "m", degraded=True))
    assert "q · m · degraded" in shown
    assert shown.endswith("…")
