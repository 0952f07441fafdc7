from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secondpass.errors import InputError, ModelLoadError, UntrainedHead
from secondpass.models.bi_encoder import Product
from secondpass.models.side import Row
from tests.apart import DOCUMENTS, QUERIES, load_apart, logits, write_dpr, write_embedder

STATES = np.arange(12, dtype=np.float32).reshape(4, 3)
ROW = Row(np.array([1, 2, 3], np.int32), 3)


@pytest.mark.parametrize(("pool", "wanted"), [("mean", [3, 4, 5]), ("first", [0, 1, 2]), ("last", [6, 7, 8])])
def test_states_of_a_graph_are_joined_without_their_padding(pool: Any, wanted: list[float]) -> None:
    np.testing.assert_allclose(Product(unit=False, pool=pool).kept(STATES, ROW, query=True), wanted)


def test_vectors_of_length_1_give_the_cosine_and_others_the_product() -> None:
    one, other = np.array([3, 4], np.float32), np.array([4, 3], np.float32)
    for unit, wanted in ((True, 24 / 25), (False, 24)):
        product = Product(unit=unit, pool="mean")
        kept = [product.kept(each, ROW, query=False) for each in (one, other)]
        np.testing.assert_allclose(product.logits(kept[0], kept[1:]), [wanted], rtol=1e-6)


def test_an_encoder_is_refused_as_a_reranker_and_the_way_to_use_it_is_named(tmp_path: Path) -> None:
    folder = write_embedder(tmp_path)
    with pytest.raises(UntrainedHead, match=r"recipe='cosine', or recipe='maxsim'"):
        load_apart(folder)


def test_an_instruction_takes_the_place_of_the_one_in_the_prompt(tmp_path: Path) -> None:
    prompt = "Instruct: Given a question, retrieve passages\nQuery: "
    model = load_apart(write_embedder(tmp_path, prompts={"query": prompt, "document": ""}), recipe="cosine")
    assert model.separation.asked("who?", None) == prompt + "who?"
    assert model.separation.asked("who?", "prefer books") == "Instruct: prefer books\nQuery: who?"
    assert model.declared.instructions == "slot"
    model.close()


def test_elsewhere_an_instruction_stands_before_the_query(tmp_path: Path) -> None:
    model = load_apart(write_embedder(tmp_path, prompts={"query": "query: "}), recipe="cosine")
    assert model.separation.asked("who?", "prefer books") == "query: prefer books who?"
    assert model.declared.instructions == "joined"
    model.close()


def test_a_similarity_that_is_not_known_is_refused(tmp_path: Path) -> None:
    folder = write_embedder(tmp_path, similarity_fn_name="manhattan")
    with pytest.raises(ModelLoadError, match="'manhattan'"):
        load_apart(folder, recipe="cosine")


def test_dpr_needs_the_encoder_of_questions(tmp_path: Path) -> None:
    asking, reading = write_dpr(tmp_path / "q", "question", 1), write_dpr(tmp_path / "c", "ctx", 2)
    with pytest.raises(InputError, match="query_model="):
        load_apart(reading)
    with pytest.raises(ModelLoadError, match="reads questions alone"):
        load_apart(asking, query_model=reading)
    with pytest.raises(ModelLoadError, match="does not read questions"):
        load_apart(reading, query_model=reading)
    model = load_apart(reading, query_model=asking)
    assert "+" in model.declared.version  # of both checkpoints
    assert np.isfinite(logits(model, QUERIES[0], DOCUMENTS)).all()
    model.close()


def test_a_model_with_one_encoder_takes_no_other_for_queries(tmp_path: Path) -> None:
    folder = write_embedder(tmp_path / "one")
    with pytest.raises(InputError, match="query_model="):
        load_apart(folder, recipe="cosine", query_model=folder)
