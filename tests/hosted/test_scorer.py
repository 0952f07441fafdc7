"""What a list scorer owes: one logit a document in their order, whatever the batches, and no answer taken on trust."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from secondpass.errors import HostedAPIError, InputError, Unauthorized, UnknownModel
from secondpass.hosted.answer import LOWEST
from secondpass.hosted.provider import RequestLimits
from secondpass.hosted.registry import names, provider_named
from secondpass.hosted.scorer import HostedScorer
from secondpass.hosted.usage import Price
from secondpass.models.scorer import ListScorer, bounded
from secondpass.ranking.reranker import Reranker
from tests.hosted.conftest import KEY, Opened
from tests.hosted.server import Server, Told, words

DOCUMENTS = ["x" * length for length in (70, 10, 500, 333, 20, 999, 1, 640, 20)]
SCORES = np.array([words(document) for document in DOCUMENTS], np.float32)


def scores_of(scorer: HostedScorer, documents: list[str], **options: Any) -> Any:
    return bounded(scorer.score("q", documents, **options).logits, scorer.declared.activation)


def test_it_is_a_list_scorer(opened: Opened) -> None:
    assert isinstance(opened(), ListScorer)


@pytest.mark.parametrize("most", [1, 2, 4, 9, 100])
def test_batches_merge_into_the_documents_order(most: int, server: Server, opened: Opened) -> None:
    scorer = opened(max_documents=most, in_flight=3)
    np.testing.assert_allclose(scores_of(scorer, DOCUMENTS), SCORES, rtol=1e-6)
    sizes = [len(asked.body["documents"]) for asked in server.asked]
    assert max(sizes) <= most
    assert sum(sizes) == len(DOCUMENTS)
    assert scorer.usage.requests == len(sizes) == -(-len(DOCUMENTS) // most)


def test_a_reranker_shows_the_apis_own_scores(opened: Opened) -> None:
    with Reranker(opened()) as reranker:
        ranking = reranker.rank("q", [*DOCUMENTS, {"text": "y" * 800}])
        assert [hit.score for hit in ranking] == pytest.approx(sorted([*SCORES.tolist(), 0.8], reverse=True), rel=1e-6)
        assert ranking.model == "cohere:rerank-v3.5"
        assert [hit.index for hit in ranking if hit.score == pytest.approx(0.02)] == [4, 8]  # a tie keeps its order
        assert reranker.rank("q", []).hits == ()


def test_blank_documents_are_not_sent_and_come_last(server: Server, opened: Opened) -> None:
    listed = opened().score("q", ["", "a panda", " \n", "an owl"])
    assert server.asked[0].body["documents"] == ["a panda", "an owl"]
    assert listed.logits[0] == listed.logits[2] == np.float32(LOWEST)
    assert listed.logits[[1, 3]].min() > LOWEST
    assert list(listed.tokens) == [0, 3, 1, 2]


def test_blank_documents_are_below_raw_scores_too(server: Server, opened: Opened) -> None:
    server.told = [Told([{"index": 0, "score": -99.5}])]
    assert opened("tei", "").score("q", ["a panda", ""]).logits.tolist() == [-99.5, -99.5]


def test_nothing_to_ask_is_not_asked(server: Server, opened: Opened) -> None:
    assert opened().score("q", []).logits.shape == (0,)
    assert opened().score("q", ["", " "]).logits.tolist() == [np.float32(LOWEST)] * 2
    assert not server.asked


def test_broken_characters_reach_the_server_as_utf8(server: Server, opened: Opened) -> None:
    opened().score("q\udc80", ["lone \ud83d", "joined \ud83d\udc3c", "nul \x00"])
    assert server.asked[0].body["query"] == "q�"
    assert server.asked[0].body["documents"] == ["lone �", "joined 🐼", "nul \x00"]


@pytest.mark.parametrize("instruction", [None, "", "  "])
def test_a_blank_instruction_is_none(instruction: str | None, server: Server, opened: Opened) -> None:
    opened().score("q", ["a"], instruction)
    opened("contextual", "m").score("q", ["a"], instruction)
    assert [asked.body["query"] for asked in server.asked] == ["q", "q"]
    assert "instruction" not in server.asked[1].body


def test_an_instruction_may_be_joined_where_the_provider_has_a_slot(server: Server, opened: Opened) -> None:
    scorer = opened("contextual", "m", instructions="joined")
    assert scorer.declared.instructions == "joined"
    scorer.score("q", ["a"], "be kind ")
    assert server.asked[0].body["query"] == "be kind q"


def results(*pairs: tuple[Any, Any]) -> dict[str, Any]:
    return {"results": [{"index": index, "relevance_score": score} for index, score in pairs]}


BAD = [
    (results((0, 0.5), (1, 0.4)), r"1 of 3 documents have no score: 2"),
    (results((0, 0.5), (1, 0.4), (1, 0.4), (2, 0.1)), "index 1 comes twice"),
    (results((0, 0.5), (1, 0.4), (3, 0.1)), "index 3 is not one of the 3 documents"),
    (results((0, 0.5), (1, 0.4), (-1, 0.1)), "index -1 is not one"),
    (results((0, 0.5), (1, 0.4), ("2", 0.1)), "index '2' is not one"),
    (results((0, 0.5), (True, 0.4), (2, 0.1)), "index True is not one"),
    (results((0, 0.5), (1, float("nan")), (2, 0.1)), "score of document 1 is nan"),
    (results((0, 0.5), (1, float("inf")), (2, 0.1)), "score of document 1 is inf"),
    (results((0, 0.5), (1, "0.4"), (2, 0.1)), "score of document 1 is '0.4'"),
    (results((0, 0.5), (1, None), (2, 0.1)), "score of document 1 is None"),
    (results((0, 0.5), (1, 10**400), (2, 0.1)), "score of document 1 is 1000"),
    (results((0, 0.5), (1, 4.5), (2, 0.1)), r'a score is 4\.5.*scale="logit"'),
    (results((0, 0.5), (1, -0.5), (2, 0.1)), r"a score is -0\.5"),
    ({"results": {"0": 0.5}}, "results is {'0': 0.5} where a list"),
    ({"results": [0.5, 0.4, 0.1]}, r"results\[0\] is 0.5 where an object"),
    ({"results": [{"index": 0}]}, "relevance_score was expected"),
    ({"data": []}, "results is missing from {'data': "),
    ([], r"results is missing from \[\]"),
    (None, "results is missing from None"),
]


@pytest.mark.parametrize(("answer", "problem"), BAD, ids=[problem for _, problem in BAD])
def test_an_answer_that_cannot_be_used_is_an_error_that_says_why(
    answer: Any, problem: str, server: Server, opened: Opened
) -> None:
    server.told = [Told(answer)]
    with pytest.raises(HostedAPIError, match=f"^Cohere at .* cannot be used: .*{problem}"):
        opened().score("q", ["a", "b", "c"])
    assert len(server.asked) == 1


def test_a_list_of_scores_of_the_wrong_length_is_an_error(server: Server, opened: Opened) -> None:
    for scores in ([0.5], [0.5, 0.4, 0.3]):
        server.told = [Told({"scores": scores})]
        with pytest.raises(HostedAPIError, match="DeepInfra"):
            opened("deepinfra", "m").score("q", ["a", "b"])


def test_an_answer_without_usage_is_ranked_and_has_no_price(server: Server, opened: Opened) -> None:
    server.told = [Told({**results((0, 0.5)), "meta": {"billed_units": {"search_units": "many"}}})]
    scorer = opened()
    scorer.score("q", ["a"])
    assert scorer.usage.searches == 0
    assert scorer.usage.usd is None


def test_usage_adds_up_over_batches(server: Server, opened: Opened) -> None:
    meta = {"billed_units": {"search_units": 1}}
    server.told = [Told({**results((0, 0.5)), "meta": meta})] * 3
    scorer = opened(max_documents=1)
    scorer.score("q", ["a", "b", "c"])
    assert (scorer.usage.requests, scorer.usage.searches) == (3, 3)
    assert scorer.usage.usd == pytest.approx(0.006)
    mine = opened(price=Price(1.0, 1, "search", "2026-11-20", "a contract"))
    server.told = [Told({**results((0, 0.5)), "meta": meta})]
    mine.score("q", ["a"])
    assert mine.usage.usd == 1.0


def test_options_are_added_to_the_body_and_to_the_version(server: Server, opened: Opened) -> None:
    scorer = opened(options={"max_tokens_per_doc": 512})
    scorer.score("q", ["a"])
    assert server.asked[0].body["max_tokens_per_doc"] == 512
    assert "max_tokens_per_doc=512" in scorer.declared.version
    assert scorer.declared.version != opened().declared.version


@pytest.mark.parametrize("options", [{"documents": []}, {"query": "x", "model": "y"}, {"a": object()}, {"a": 1e999}])
def test_options_that_cannot_be_sent_are_refused(options: dict[str, Any], opened: Opened) -> None:
    with pytest.raises(InputError, match="options"):
        opened(options=options)


def test_a_scale_may_be_overruled(server: Server, opened: Opened) -> None:
    server.told = [Told(results((0, 4.5), (1, -2.0)))]
    assert opened(scale="logit").score("q", ["a", "b"]).logits.tolist() == [4.5, -2.0]


@pytest.mark.parametrize("name", [name for name in names() if provider_named(name).needs_key])
def test_without_a_key_the_variable_is_named(name: str, server: Server) -> None:
    provider = provider_named(name)
    with pytest.raises(Unauthorized, match=provider.key_variables[0]):
        HostedScorer(provider, "m", base_url=server.url, environ={"UNRELATED": "x"})


@pytest.mark.parametrize("name", [name for name in names() if not provider_named(name).needs_key])
def test_a_server_of_ones_own_needs_no_key(name: str, server: Server) -> None:
    scorer = HostedScorer(provider_named(name), "m", base_url=server.url, environ={})
    server.told = [Told(status=400)]
    with pytest.raises(HostedAPIError, match="answered 400"):
        scorer.score("q", ["a"])
    assert "Authorization" not in server.asked[0].headers
    scorer.close()


def test_key_and_url_come_from_the_environment(server: Server) -> None:
    environ = {"CO_API_KEY": KEY, "CO_API_URL": f"{server.url}/"}
    scorer = HostedScorer(provider_named("cohere"), "rerank-v3.5", environ=environ)
    scorer.score("q", ["a"])
    scorer.close()
    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert server.asked[0].path == "/v2/rerank"


def test_a_server_of_ones_own_has_to_be_somewhere() -> None:
    with pytest.raises(InputError, match=r"tei:http://localhost:8080.*TEI_BASE_URL"):
        HostedScorer(provider_named("tei"), environ={})


def test_a_model_has_to_be_named_where_the_provider_has_many() -> None:
    with pytest.raises(UnknownModel, match="cohere:MODEL"):
        HostedScorer(provider_named("cohere"), environ={"CO_API_KEY": KEY})


def test_max_documents_has_to_be_positive(opened: Opened) -> None:
    with pytest.raises(InputError, match="max_documents=0"):
        opened(max_documents=0)


def test_a_request_never_holds_more_than_the_provider_allows(server: Server, opened: Opened) -> None:
    server.usual = lambda body: [{"index": i, "score": 0.0} for i in range(len(body["texts"]))]
    opened("tei", "").score("q", ["a"] * 70)
    assert [len(asked.body["texts"]) for asked in server.asked] in ([32, 32, 6], [32, 6, 32], [6, 32, 32])
    assert provider_named("tei").limits == RequestLimits(documents=32, body_bytes=2_000_000)
