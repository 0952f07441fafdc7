"""Whatever a body is, the server answers, and never with a failure of its own."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secondpass.server.dialects.registry import DIALECTS
from tests.server.conftest import Running
from tests.server.test_errors import path_of

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_NAMES = (
    *("query", "documents", "texts", "input", "model", "top_n", "top_k", "instruction", "metadata", "rank_fields"),
    *("return_documents", "priority", "relevant_spans", "raw_scores", "secondpass", "parameters", "queries", "sources"),
    *("passages", "records", "items", "text_1", "text_2"),
)
_PATHS = sorted({path_of(dialect) for dialect in DIALECTS} | {"/rerank", "/v1/rerank", "/v2/rerank", "/v1/reranking"})


@given(path=st.sampled_from(_PATHS), body=st.dictionaries(st.sampled_from(_NAMES), _JSON))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_fields_are_answered(server: Running, path: str, body: dict[str, Any]) -> None:
    assert server.client.post(path, json=body).status_code < 500


@given(dialect=st.sampled_from(DIALECTS), field=st.data(), value=_JSON)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_odd_field_in_a_good_body_is_answered(server: Running, dialect: Any, field: Any, value: Any) -> None:
    name = field.draw(st.sampled_from(sorted({*dialect.example, "top_n", "secondpass"})))
    response = server.client.post(path_of(dialect), json={**dialect.example, name: value})
    assert response.status_code < 500


@given(raw=st.binary(max_size=60))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_answered(server: Running, raw: bytes) -> None:
    assert server.client.post("/v1/rerank", content=raw).status_code < 500
