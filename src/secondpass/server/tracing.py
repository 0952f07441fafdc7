"""A span of OpenTelemetry around each ranking, where that is wanted. Tells models and counts, never texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from secondpass.errors import MissingExtra
from secondpass.server.asked import Asked
from secondpass.server.models import Ranked

if TYPE_CHECKING:
    from opentelemetry.trace import Span


class Traced:
    """A span that may not be there."""

    def __init__(self, span: Span | None = None) -> None:
        self._span = span

    def done(self, ranked: Ranked) -> None:
        """Tell what came of it."""
        if self._span is None:
            return
        self._span.set_attribute("reranker.model_name", ranked.model)
        self._span.set_attribute("secondpass.degraded", ranked.degraded)
        self._span.set_attribute("gen_ai.usage.input_tokens", ranked.tokens)
        if ranked.spent is not None:
            for name, seconds in (
                ("queue", ranked.spent.queued),
                ("tokenise", ranked.spent.tokenising),
                ("infer", ranked.spent.inferring),
            ):
                self._span.set_attribute(f"secondpass.seconds.{name}", seconds)


class Tracing:
    """Makes spans if `wanted`. Raises `MissingExtra` where OpenTelemetry is not installed."""

    def __init__(self, wanted: bool) -> None:
        self._tracer = None
        if wanted:
            try:
                from opentelemetry import trace
            except ImportError as error:
                raise MissingExtra("tracing", "server") from error
            self._tracer = trace.get_tracer("secondpass")

    @contextmanager
    def span(self, request_id: str, dialect: str, asked: Asked) -> Iterator[Traced]:
        """A span named "rerank" around the ranking of one request."""
        if self._tracer is None:
            yield Traced()
            return
        # An exception's message may quote a document, so it is not recorded.
        start = self._tracer.start_as_current_span
        with start("rerank", record_exception=False, set_status_on_exception=False) as span:
            span.set_attribute("openinference.span.kind", "RERANKER")
            span.set_attribute("gen_ai.operation.name", "rerank")
            span.set_attribute("secondpass.request_id", request_id)
            span.set_attribute("secondpass.dialect", dialect)
            span.set_attribute("secondpass.documents", len(asked.documents))
            if asked.top_n is not None and asked.top_n < 2**31:
                span.set_attribute("reranker.top_k", asked.top_n)
            yield Traced(span)
