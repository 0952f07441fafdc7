from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from secondpass.errors import ModelLoadError
from secondpass.models.late import MaxSim
from secondpass.models.side import Row
from secondpass.text.encode import Limits
from tests.apart import DOCUMENTS, QUERIES, load_apart, logits, write_body, write_pylate, write_stanford

Vectors = NDArray[np.float32]


def vectors(seed: int, count: int, size: int = 6) -> Vectors:
    drawn = np.random.default_rng(seed).standard_normal((count, size)).astype(np.float32)
    kept = MaxSim().kept(drawn, Row(np.arange(count, dtype=np.int32), count), query=True)
    return kept.astype(np.float32)


def by_hand(query: Vectors, document: Vectors) -> float:
    return sum(max(float(a @ b) for b in document) for a in query)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 5))
def test_maxsim_is_the_sum_of_the_best_matches_of_each_document(lengths: list[int], asked: int) -> None:
    query, documents = vectors(99, asked), [vectors(at, length) for at, length in enumerate(lengths)]
    found = MaxSim().logits(query, documents)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [by_hand(query, document) for document in documents], atol=1e-5)
    np.testing.assert_allclose(MaxSim(mean=True).logits(query, documents), found / asked, atol=1e-6)


def test_torch_finds_the_same_best_matches() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    query, documents = vectors(99, 7), [vectors(at, length) for at, length in enumerate((3, 1, 0, 40, 8))]
    on_torch = MaxSim().on("cpu:0")  # a name for it that numpy does not take over
    np.testing.assert_allclose(on_torch.logits(query, documents), MaxSim().logits(query, documents), atol=1e-5)
    assert on_torch.settings == MaxSim().settings


def test_a_document_without_a_token_that_counts_has_0_and_moves_no_other() -> None:
    query, full, empty = vectors(1, 3), vectors(2, 4), vectors(3, 0)
    alone = MaxSim().logits(query, [full])
    found = MaxSim().logits(query, [empty, full, empty])
    np.testing.assert_allclose(found, [0, alone[0], 0], atol=1e-6)
    np.testing.assert_array_equal(MaxSim().logits(query, [empty]), [0])


def test_skipped_tokens_are_left_out_of_documents_alone() -> None:
    states, row = np.eye(4, dtype=np.float32) * 3, Row(np.array([5, 6, 7, 8], np.int32), 4)
    skipping = MaxSim(skipped=frozenset({6, 8}))
    np.testing.assert_array_equal(skipping.kept(states, row, query=False), np.eye(4, dtype=np.float32)[[0, 2]])
    assert len(skipping.kept(states, row, query=True)) == 4
    assert len(MaxSim(only=frozenset({6})).kept(states, row, query=False)) == 1
    assert len(MaxSim(query_skipped=frozenset({6})).kept(states, row, query=True)) == 3


def test_padding_is_not_kept() -> None:
    states = np.ones((9, 4), np.float32)
    assert MaxSim().kept(states, Row(np.arange(5, dtype=np.int32), 5), query=False).shape == (5, 4)


def test_half_takes_half_the_memory_and_stays_near() -> None:
    row = Row(np.arange(50, dtype=np.int32), 50)
    states = np.random.default_rng(0).standard_normal((50, 16)).astype(np.float32)
    whole, half = (MaxSim(half=half).kept(states, row, query=False) for half in (False, True))
    assert half.nbytes * 2 == whole.nbytes
    query = vectors(1, 32, 16)
    assert abs(float(MaxSim().logits(query, [whole])[0] - MaxSim().logits(query, [half])[0])) < 0.01


def test_pylate_s_markers_are_one_token_each_and_stand_behind_the_first(tmp_path: Path) -> None:
    model = load_apart(write_pylate(tmp_path))
    query, document = model.separation.query, model.separation.document
    assert query.before == (1, model.encoder.find("[Q] "))
    assert document.before == (1, model.encoder.find("[D] "))
    assert (document.limit, query.limit) == (36, 20)
    assert query.expansion is not None
    assert query.expansion.token == model.encoder.find("[MASK]")
    model.close()


def test_a_prefix_that_is_no_token_is_read_as_text(tmp_path: Path) -> None:
    model = load_apart(write_pylate(tmp_path, query_prefix="question: ", document_prefix=""))
    assert model.separation.query.prompt == "question: "
    assert len(model.separation.query.before) == 1
    assert model.separation.document.prompt == ""
    model.close()


def test_long_documents_are_cut_to_the_published_length_unless_more_is_asked_for(tmp_path: Path) -> None:
    model = load_apart(write_stanford(tmp_path))
    long = DOCUMENTS[-1]
    (cut,) = model.read(QUERIES[0], None, Limits())([long])
    (more,) = model.read(QUERIES[0], None, Limits(max_tokens=96))([long])
    (chunks,) = model.read(QUERIES[0], None, Limits(policy="chunk"))([long])
    assert cut.truncated
    assert [len(piece.inputs.row) for piece in (*cut.pieces, *more.pieces)] == [40, 96]
    assert len(chunks.pieces) > 1
    assert not chunks.truncated
    assert (
        logits(model, QUERIES[0], [long], Limits(policy="chunk")).max() >= logits(model, QUERIES[0], [long])[0] - 1e-4
    )
    model.close()


def test_without_metadata_the_lengths_are_those_of_colbert_v2(tmp_path: Path) -> None:
    folder = write_stanford(tmp_path)
    (folder / "artifact.metadata").unlink()
    model = load_apart(folder)
    assert (model.separation.query.limit, model.separation.document.limit) == (32, 180)
    model.close()


def test_a_version_follows_what_the_files_say_of_markers_and_lengths(tmp_path: Path) -> None:
    versions = []
    for number, told in enumerate(({}, {}, {"doc_maxlen": 41}, {"mask_punctuation": False})):
        folder = write_stanford(tmp_path / str(number)) if not number else tmp_path / "0"
        path = folder / "artifact.metadata"
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | told), encoding="utf-8")
        model = load_apart(folder)
        versions.append(model.declared.version)
        model.close()
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


def test_modules_that_are_not_known_are_refused(tmp_path: Path) -> None:
    folder = write_pylate(tmp_path)
    listed = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    listed.append({"type": "sentence_transformers.multi_vector_encoder.modules.HierarchicalPooling", "path": "2_Pool"})
    (folder / "modules.json").write_text(json.dumps(listed), encoding="utf-8")
    with pytest.raises(ModelLoadError, match="HierarchicalPooling"):
        load_apart(folder)


def test_an_encoder_is_compared_token_by_token_where_that_is_asked_for(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel

    write_body(tmp_path)
    model = load_apart(tmp_path, recipe="maxsim")
    body = AutoModel.from_pretrained(str(tmp_path)).eval()

    def states(text: str) -> Vectors:
        ids = [2, *model.encoder.ids([text])[0], 3]
        with torch.no_grad():
            found = torch.nn.functional.normalize(body(input_ids=torch.tensor([ids])).last_hidden_state[0], dim=-1)
        return np.asarray(found)

    wanted = [by_hand(states(QUERIES[0]), states(document)) for document in DOCUMENTS[:4]]
    np.testing.assert_allclose(logits(model, QUERIES[0], DOCUMENTS[:4]), wanted, atol=1e-4)
    model.close()
