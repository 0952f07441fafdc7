from __future__ import annotations

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from secondpass.server.asked import Asked
from secondpass.server.models import Ranked
from secondpass.server.tracing import Tracing


def test_a_span_tells_the_model_and_counts_and_no_text() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    asked = Asked(query="a secret", documents=("another secret",), given=("another secret",), top_n=1)
    ranked = Ranked(model="fast", hits=(), query_tokens=2, tokens=9, degraded=False, rules=(), stages=(), spent=None)
    with Tracing(True).span("id", "shared", asked) as span:
        span.done(ranked)
    (found,) = exporter.get_finished_spans()
    assert found.name == "rerank"
    assert found.attributes is not None
    assert found.attributes["reranker.model_name"] == "fast"
    assert found.attributes["secondpass.documents"] == 1
    assert "secret" not in found.to_json()


def test_without_tracing_nothing_is_made() -> None:
    asked = Asked(query="x", documents=(), given=())
    with Tracing(False).span("id", "shared", asked) as span:
        assert span is not None
