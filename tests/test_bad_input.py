"""What each kind of bad or extreme input gets: a typed error that names it, or an answer that loses nothing else."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import secondpass
from secondpass import InputError, ModelLoadError, Reranker, SecondpassError, UnknownModel, UntrainedHead, load

GOOD = ["the cat sat on the mat", "dogs bark at night"]


@pytest.fixture(scope="module", params=["embedded", "bm25", "hybrid(bm25, embedded)"])
def reranker(request: pytest.FixtureRequest) -> Iterator[Reranker]:
    with load(request.param) as made:
        yield made


REFUSED: list[tuple[str, Callable[[Any], Any], str]] = [
    ("empty query", lambda r: r.rank("", GOOD), "query"),
    ("blank query", lambda r: r.rank(" \n\t", GOOD), "query"),
    ("query that is no text", lambda r: r.rank(None, GOOD), "None"),
    ("None among documents", lambda r: r.rank("cat", ["a", None]), r"1.*None"),
    ("NaN among documents", lambda r: r.rank("cat", ["a", "b", float("nan")]), r"2.*nan"),
    ("a number among documents", lambda r: r.rank("cat", [7, "a"]), r"0.*7"),
    ("bytes among documents", lambda r: r.rank("cat", [b"a"]), r"0.*b'a'"),
    ("a list among documents", lambda r: r.rank("cat", [["a"]]), r"0"),
    ("one string for a list", lambda r: r.rank("cat", "the cat"), "list"),
    ("an instruction that is no text", lambda r: r.rank("cat", GOOD, instruction=3), "instruction=3"),
    ("top_n below one", lambda r: r.rank("cat", GOOD, top_n=-1), "top_n=-1"),
    ("min_score above one", lambda r: r.rank("cat", GOOD, min_score=5), "min_score=5"),
    ("min_score that is no number", lambda r: r.rank_many(["cat"], [GOOD], min_score=float("nan")), "min_score=nan"),
    ("one name for a list of fields", lambda r: r.rank("cat", GOOD, fields="price"), r"fields='price'"),
    ("None in a later list", lambda r: r.rank_many(["a", "b"], [GOOD, ["a", None]]), r"queries\[1\]: documents\[1\]"),
    ("None in a later pair", lambda r: r.predict([("a", "b"), ("c", "d"), ("a", None)]), r"documents\[2\].*None"),
    ("a pair of three", lambda r: r.predict([("a", "b", "c")]), r"pairs\[0\]"),
    ("one string for many queries", lambda r: r.rank_many("ab", [GOOD, GOOD]), "queries='ab'"),
    ("one string for many instructions", lambda r: r.rank_many(["a"], [GOOD], instructions="x"), "instructions='x'"),
    ("lists that do not match", lambda r: r.rank_many(["a"], []), "1 queries, 0 candidate lists"),
]


@pytest.mark.parametrize(("ask", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused_with_the_value_and_the_remedy(reranker: Reranker, ask: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"(?s){message}"):
        ask(reranker)
    assert len(reranker.rank("cat", GOOD)) == 2  # and the reranker is as good as before


ANSWERED: list[tuple[str, list[Any]]] = [
    ("one empty document among good ones", [*GOOD, ""]),
    ("white space alone", [*GOOD, " \n\t "]),
    ("lone surrogates", [*GOOD, "half a pair \ud83d here", "\udc00"]),
    ("control characters", [*GOOD, "\x00\x07\x1b[31m"]),
    ("an empty mapping", [*GOOD, {}]),
    ("a mapping with nulls", [*GOOD, {"name": None, "price": float("nan")}]),
    ("an emoji wall", [*GOOD, "🙂" * 500]),
    ("the same document twice", [*GOOD, GOOD[0]]),
]


@pytest.mark.parametrize("documents", [row[1] for row in ANSWERED], ids=[row[0] for row in ANSWERED])
def test_answered_without_losing_a_document(reranker: Reranker, documents: list[Any]) -> None:
    ranking = reranker.rank("where did the cat sit?", documents)
    assert sorted(hit.index for hit in ranking) == list(range(len(documents)))
    assert ranking[0].document == GOOD[0]
    assert all(np.isfinite(hit.logit) and 0 <= hit.score <= 1 for hit in ranking)


def test_no_documents_give_an_empty_ranking(reranker: Reranker) -> None:
    assert len(reranker.rank("cat", [])) == 0


def test_a_document_of_2_megabytes_is_ranked_and_its_length_told(reranker: Reranker) -> None:
    giant = "lorem ipsum dolor sit amet " * 75_000
    ranking = reranker.rank("where did the cat sit?", [giant, *GOOD])
    by_index = {hit.index: hit for hit in ranking}
    assert len(giant) > 2_000_000
    assert ranking[0].index == 1
    assert by_index[0].tokens >= 375_000
    assert by_index[0].truncated == (reranker.name != "bm25")
    assert not by_index[1].truncated


def test_10_000_documents_are_all_ranked(reranker: Reranker) -> None:
    documents = [f"note number {i}" for i in range(9_999)] + [GOOD[0]]
    ranking = reranker.rank("where did the cat sit?", documents, progress=False)
    assert len(ranking) == 10_000
    assert ranking[0].index == 9_999


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("no-such-model", UnknownModel, "no-such-model"),
        ("embeded", UnknownModel, "embedded"),
        ("embedded@99", UnknownModel, "embedded@1"),
        ("some-org/never-fetched", UnknownModel, "secondpass pull some-org/never-fetched"),
        ("./no/such/folder", UnknownModel, "no/such/folder"),
    ],
)
def test_an_unknown_model_is_named(name: str, error: type[SecondpassError], message: str) -> None:
    with pytest.raises(error, match=message):
        load(name)


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["BertForSequenceClassification"], "model_type": "bert"}')
    with pytest.raises(ModelLoadError, match=tmp_path.name):
        load(str(tmp_path))


def test_a_checkpoint_without_a_trained_head_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["BertModel"], "model_type": "bert"}')
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"not read before the head is checked")
    with pytest.raises(UntrainedHead, match="BertModel"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    "options",
    [
        {"policy": "cut"},
        {"max_tokens": 2},
        {"overlap": -1},
        {"aggregate": "sum"},
        {"backend": "cuda"},
        {"precision": "fp4"},
        {"streams": 0},
    ],
    ids=lambda options: next(iter(options)),
)
def test_a_setting_that_cannot_be_is_named_with_its_value(options: dict[str, Any]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(InputError, match=rf"{name}={value!r}"):
        secondpass.load(**options)
