"""mteb itself evaluates our models, on its own mock tasks and on a collection of ours; offline."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from secondpass.errors import InputError, MissingExtra
from secondpass.evaluation.metrics import Run, evaluate_all, mean
from secondpass.integrations.mteb import CrossEncoder, ListReranker, mteb_model
from secondpass.ranking.load import load
from secondpass.ranking.reranker import Reranker

pytestmark = pytest.mark.filterwarnings("ignore:::mteb", "ignore::DeprecationWarning", "ignore::ResourceWarning")

MODELS = ("embedded", "bm25", "hybrid(bm25, embedded)")
DOCUMENTS = {
    "w": ("Water", "It boils at 100 degrees Celsius at sea level."),
    "a": ("", "At high altitude water boils at a lower temperature."),
    "t": ("Tea", "Green tea is brewed with water below the boiling point."),
    "c": ("", "Copper conducts electricity better than iron."),
    "o": ("Oslo", "The capital of Norway."),
}
QUERIES = {"boil": "at which temperature does water boil", "wire": "best metal for electric wires"}
QRELS = {"boil": {"w": 2, "a": 1}, "wire": {"c": 1}}
CANDIDATES = {"boil": ["o", "t", "a", "c", "w"], "wire": ["o", "a", "c"]}


@pytest.fixture(scope="module", params=MODELS)
def reranker(request: pytest.FixtureRequest) -> Iterator[Reranker]:
    with load(request.param) as opened:
        yield opened


@pytest.fixture
def retrieval() -> Any:
    """A retrieval task of mteb with our documents, and no candidates."""
    mteb = pytest.importorskip("mteb")
    datasets = pytest.importorskip("datasets")
    from mteb.mocks.mock_tasks import MockRetrievalTask

    class Kettle(MockRetrievalTask):
        def load_data(self, num_proc: int | None = None, **told: Any) -> None:
            split: Any = {
                "corpus": datasets.Dataset.from_list(
                    [{"id": key, "title": title, "text": text} for key, (title, text) in DOCUMENTS.items()]
                ),
                "queries": datasets.Dataset.from_list([{"id": key, "text": text} for key, text in QUERIES.items()]),
                "relevant_docs": QRELS,
                "top_ranked": None,
            }
            self.dataset = {"default": {"test": split, "val": split}}
            self.data_loaded = True

    assert mteb.__version__
    return Kettle()


class First:
    """A first stage: the candidates, best first."""

    def __init__(self) -> None:
        self.mteb_model_meta = pytest.importorskip("mteb").models.ModelMeta.create_empty(
            overwrites={"name": "first/stage", "revision": "1"}
        )

    def index(self, corpus: Any, **told: Any) -> None:
        """Nothing to do: what is found is known."""

    def search(self, queries: Any, **told: Any) -> Run:
        return {key: {document: 1 / rank for rank, document in enumerate(CANDIDATES[key], 1)} for key in queries["id"]}


def evaluated(model: Any, task: Any, folder: Path) -> Mapping[str, float]:
    mteb = pytest.importorskip("mteb")
    result = mteb.evaluate(model, task, cache=None, prediction_folder=folder, show_progress_bar=False)
    scores: Mapping[str, float] = result.task_results[0].scores["test"][0]
    return scores


def loaded(task: Any) -> Mapping[str, Any]:
    """What a mock task holds; one that was evaluated has let go of it."""
    task.load_data()
    split: Mapping[str, Any] = task.dataset["default"]["test"]
    return split


def test_what_depends_on_the_list_is_searched_with_and_the_rest_predicts(reranker: Reranker) -> None:
    from mteb.models import CrossEncoderProtocol, SearchProtocol

    model = mteb_model(reranker)
    listwise = reranker.name != "embedded"
    assert type(model) is (ListReranker if listwise else CrossEncoder)
    assert isinstance(model, SearchProtocol) is listwise
    assert isinstance(model, CrossEncoderProtocol) is not listwise


def test_a_mock_task_is_evaluated_to_the_measure_of_our_own_run(reranker: Reranker, tmp_path: Path) -> None:
    from mteb.mocks.mock_tasks import MockRerankingTask

    scores = evaluated(mteb_model(reranker), MockRerankingTask(), tmp_path)
    split = loaded(MockRerankingTask())
    texts = {row["id"]: row for row in split["corpus"]}
    run: dict[str, dict[str, float]] = {}
    for row in split["queries"]:
        listed = split["top_ranked"][row["id"]]
        hits = reranker.rank(row["text"], [{"title": texts[d]["title"], "text": texts[d]["text"]} for d in listed])
        run[row["id"]] = {listed[hit.index]: hit.logit for hit in hits}
    measures = evaluate_all(run, split["relevant_docs"], ["AP", "nDCG@10"])
    assert scores["map_at_1000"] == pytest.approx(mean(measures["AP"]), abs=1e-5)
    assert scores["ndcg_at_10"] == pytest.approx(mean(measures["nDCG@10"]), abs=1e-5)


def test_a_first_stage_of_mteb_is_reranked(reranker: Reranker, retrieval: Any, tmp_path: Path) -> None:
    evaluated(First(), retrieval, tmp_path / "first")
    task = retrieval.convert_to_reranking(tmp_path / "first", top_k=5)
    scores = evaluated(mteb_model(reranker), task, tmp_path / "second")
    own: dict[str, dict[str, float]] = {}
    for key, listed in CANDIDATES.items():
        documents = [{"title": DOCUMENTS[each][0], "text": DOCUMENTS[each][1]} for each in listed]
        own[key] = {listed[hit.index]: hit.logit for hit in reranker.rank(QUERIES[key], documents)}
    assert scores["ndcg_at_10"] == pytest.approx(mean(evaluate_all(own, QRELS, ["nDCG@10"])["nDCG@10"]), abs=1e-5)
    assert scores["mrr_at_10"] == pytest.approx(mean(evaluate_all(own, QRELS, ["RR@10"])["RR@10"]), abs=1e-5)


@pytest.mark.parametrize("name", ["embedded", "bm25"])
def test_an_instruction_is_read_as_one_and_a_title_as_one(name: str, tmp_path: Path) -> None:
    from mteb.mocks.mock_tasks import MockInstructionReranking

    asked: list[tuple[str, str | None, list[Any]]] = []

    class Watched(Reranker):
        def rank(self, query: str, documents: Any, **told: Any) -> Any:
            asked.append((query, told["instruction"], list(documents)))
            return super().rank(query, documents, **told)

    with load(name) as opened:
        watched = Watched(opened._scorer, limits=opened.limits, capabilities=opened.capabilities)
        evaluated(mteb_model(watched), MockInstructionReranking(), tmp_path)
    split = loaded(MockInstructionReranking())
    assert [(query, told) for query, told, _ in asked] == [(r["text"], r["instruction"]) for r in split["queries"]]
    titles = {row["text"]: row["title"] for row in split["corpus"]}
    assert all(titles[document.text] == (document.title or "") for _, _, listed in asked for document in listed)


def test_a_task_without_candidates_is_refused_with_what_to_do(retrieval: Any, tmp_path: Path) -> None:
    with load("bm25") as opened, pytest.raises(InputError, match="convert_to_reranking"):
        evaluated(mteb_model(opened), retrieval, tmp_path)


def test_the_name_and_the_revision_say_what_was_evaluated() -> None:
    with load("embedded") as one, load("embedded", max_tokens=64) as other:
        metas = [mteb_model(each).mteb_model_meta for each in (one, other)]
    assert [meta.name for meta in metas] == ["secondpass/embedded"] * 2
    assert metas[0].revision != metas[1].revision
    assert metas[0].max_tokens == 512


def test_pictures_are_refused_by_name() -> None:
    with load("bm25") as opened:
        model = CrossEncoder(opened)
        with pytest.raises(InputError, match="text alone"):
            model.predict([{"id": ["q"], "image": [b""]}], [{"id": ["d"], "text": ["a"]}])


def test_without_mteb_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mteb.models", None)
    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(MissingExtra, match=r"secondpass\[mteb\]"):
        mteb_model("bm25")
