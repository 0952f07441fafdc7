from pathlib import Path

import pytest

from secondpass import InputError, UnknownModel, load
from secondpass.text.lexical import Bag, Statistics, terms
from tests import checkpoints


def test_a_path_is_a_folder_even_where_it_reads_like_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for given in (Path("./owner/name"), Path("embedded")):  # Path drops the leading dot
        with pytest.raises(UnknownModel, match=f"There is no folder {given}"):
            load(given)


def test_an_empty_name_is_not_the_default_model() -> None:
    with pytest.raises(UnknownModel, match="''"):
        load("")


@pytest.mark.parametrize("name", [None, "embedded@1", "bm25"])
def test_a_revision_of_a_built_in_model_is_refused(name: str | None) -> None:
    with pytest.raises(InputError, match=r"revision='main'.*leave it out"):
        load(name, revision="main")


def test_a_checkpoints_reranker_says_which_file_was_taken_and_why(tmp_path: Path) -> None:
    folder = checkpoints.write_weigher(tmp_path, checkpoints.word_piece())
    with load(folder, backend="onnxruntime", streams=1) as reranker:
        assert reranker.capabilities is not None
        assert reranker.capabilities.reason.startswith("onnxruntime, 1 single-threaded")
        assert reranker.capabilities.reason.endswith("onnx/model.onnx: fp32")
        assert len(reranker.rank("who?", ["a panda", "a river"])) == 2


def test_bm25_counts_in_a_corpus_where_a_table_of_it_is_given(tmp_path: Path) -> None:
    corpus = ["the red fox", "the dog", "the cat", "a red car", "a red house", "red roses"]
    Statistics.over([Bag.of(terms(text)) for text in corpus]).save(tmp_path / "table.json")
    documents = ["red", "fox"]
    with load("bm25") as alone, load("bm25", table=tmp_path / "table.json") as informed:
        assert [hit.index for hit in alone.rank("red fox", documents)] == [0, 1]  # each term in one of two: a tie
        assert [hit.index for hit in informed.rank("red fox", documents)] == [1, 0]  # red is common in the corpus
        assert "table=" in informed.declared.version


def test_a_table_for_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"table=.*leave it out"):
        load(table=tmp_path / "table.json")
