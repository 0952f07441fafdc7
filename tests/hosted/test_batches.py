from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from secondpass.hosted.batches import estimate, split
from secondpass.hosted.provider import RequestLimits

limits = st.builds(
    RequestLimits,
    documents=st.integers(1, 8),
    tokens=st.none() | st.integers(1, 60),
    pair_tokens=st.none() | st.integers(1, 30),
    body_bytes=st.none() | st.integers(1, 300),
)


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(0, 10), limits)
def test_every_document_is_in_one_span_and_no_span_is_over_a_limit_unless_it_is_one_document(
    sizes: list[int], query: int, limit: RequestLimits
) -> None:
    spans = split(sizes, query, limit)
    assert [i for span in spans for i in span] == list(range(len(sizes)))
    for span in spans:
        pairs = [query + sizes[i] for i in span]
        cost = sum(pair if limit.pair_tokens is None else min(pair, limit.pair_tokens) for pair in pairs)
        assert 1 <= len(span) <= limit.documents
        assert len(span) == 1 or limit.tokens is None or cost <= limit.tokens
        assert (
            len(span) == 1 or limit.body_bytes is None or 3 * (query + sum(sizes[i] for i in span)) <= limit.body_bytes
        )


def test_the_query_counts_once_a_document_and_long_documents_as_cut() -> None:
    limit = RequestLimits(documents=100, tokens=40, pair_tokens=20)
    assert [len(span) for span in split([5] * 6, 5, limit)] == [4, 2]
    assert [len(span) for span in split([1000] * 4, 5, limit)] == [2, 2]


def test_tokens_are_estimated_from_bytes() -> None:
    assert [estimate(text) for text in ("", "a", "abc", "abcd", "東京", "\ud83d")] == [0, 1, 1, 2, 2, 1]
