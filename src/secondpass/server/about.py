"""What the server tells of itself: health, readiness, metrics, and the models in each family's own words.

Knows the service; nothing here ranks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from secondpass import __version__
from secondpass.errors import SecondpassError
from secondpass.server.dialects.registry import prefixes
from secondpass.server.dialects.shared import SHARED
from secondpass.server.models import Served
from secondpass.server.problem import NOTHING_HERE, Problem, problem_of
from secondpass.server.reference import parameters
from secondpass.server.service import Service, failed

_STARTED = int(time.time())
_LOADING = {"503": {"description": "The models are being loaded, or the server is about to end."}}
_GUARDED = {"401": {"description": "The key is missing or unknown."}, **_LOADING}
_REFUSALS = {
    "ready": _LOADING,
    "models": _GUARDED,
    "model": {"404": {"description": NOTHING_HERE}, **_GUARDED},
    "info": _GUARDED,
}
"""What pages answer beside 200, by their names, for the schema."""


class About:
    """The pages that are fetched with GET."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def add(self, app: FastAPI) -> None:
        """Add every page at the root, and below every dialect's prefix what its clients look for there."""
        for path, (page, told) in self.pages().items():
            more = {"parameters": parameters(path), "responses": _REFUSALS.get(page.__name__, {})}
            app.add_api_route(path, page, methods=["GET"], summary=told, tags=["server"], openapi_extra=more)
        known = set(prefixes())
        for path, (page, _) in self.pages().items():
            app.add_api_route(
                f"/{{prefix}}{path}".rstrip("/"), _below(known, page), methods=["GET"], include_in_schema=False
            )

    def pages(self) -> dict[str, tuple[Callable[[Request], Response], str]]:
        """Each path with what answers there, and what that is."""
        return {
            "/": (self.front, "The playground or the documentation for browsers, and what is served here"),
            "/health": (self.health, "Whether the process answers"),
            "/ping": (self.health, "The same, as SageMaker asks"),
            "/v1/health/live": (self.health, "The same, as NIM's clients ask"),
            "/ready": (self.ready, "Whether every model is loaded and requests are taken"),
            "/v1/health/ready": (self.ready, "The same, as NIM's clients ask"),
            "/metrics": (self.metrics, "What was counted, for Prometheus"),
            "/v1/models": (self.models, "The models that are served"),
            "/models": (self.models, "The same, as Infinity's clients ask"),
            "/v1/models/{name:path}": (self.model, "One model"),
            "/info": (self.info, "The default model, as text-embeddings-inference tells it"),
            "/v1/cluster/auth": (self.cluster_auth, "Whether keys are asked for, as Xinference's client asks"),
        }

    def front(self, request: Request) -> Response:
        """A browser is led on; anyone else is told what this is."""
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(f"{request.scope.get('root_path', '')}{request.app.state.front}")
        return JSONResponse({"name": "secondpass", "version": __version__, "docs": "/docs", "models": "/v1/models"})

    def health(self, request: Request) -> Response:
        """200 as long as the process answers."""
        return JSONResponse({"status": "ok"})

    def ready(self, request: Request) -> Response:
        """200 once every model has ranked and as long as new requests are taken; else 503."""
        service = self._service
        if service.ready and not service.draining:
            return JSONResponse({"status": "ready", "ready": True})
        told = "draining" if service.draining else "loading"
        return JSONResponse({"status": told, "ready": False}, 503, {"Retry-After": "1"})

    def metrics(self, request: Request) -> Response:
        """In Prometheus' text format."""
        return Response(self._service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    def models(self, request: Request) -> Response:
        """As OpenAI lists them."""
        models = self._service.models
        return self._guarded(request, lambda: {"object": "list", "data": [_row(one) for one in models.served]})

    def model(self, request: Request) -> Response:
        """One of them."""
        return self._guarded(request, lambda: _row(self._found(request.path_params["name"])))

    def info(self, request: Request) -> Response:
        """TEI's, of the default model."""
        return self._guarded(request, self._info)

    def cluster_auth(self, request: Request) -> Response:
        """Xinference's."""
        return JSONResponse({"auth": self._service.keys.asked_for})

    def _found(self, name: str) -> Served:
        """The default for an unknown name too, unless names are taken strictly: clients look before they ask."""
        return self._service.models.named(name)

    def _info(self) -> dict[str, Any]:
        default, settings = self._service.models.default, self._service.settings
        label = {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
        capabilities = default.reranker.capabilities
        return {
            "model_id": default.alias,
            "model_sha": None,
            "model_dtype": capabilities.precision if capabilities else "float32",
            "model_type": {"reranker": label},
            "max_concurrent_requests": settings.threads,
            "max_input_length": default.reranker.declared.max_tokens,
            "max_batch_tokens": settings.max_request_tokens,
            "max_client_batch_size": settings.max_documents,
            "auto_truncate": settings.policy != "error",
            "tokenization_workers": settings.threads,
            "version": __version__,
        }

    def _guarded(self, request: Request, made: Callable[[], dict[str, Any]]) -> Response:
        try:
            self._service.allow(request.headers)
            self._service.require_ready()
            return JSONResponse(made())
        except SecondpassError as error:
            return failed(problem_of(error, 422), SHARED)


def _row(served: Served) -> dict[str, Any]:
    declared = served.reranker.declared
    return {
        "id": served.alias,
        "object": "model",
        "created": _STARTED,
        "owned_by": "secondpass",
        "root": served.name,
        "max_model_len": declared.max_tokens,
        # Xinference's client looks for these.
        "model_type": "rerank",
        "model_name": served.alias,
        "model_uid": served.alias,
        "instructions": declared.instructions,
    }


def _below(known: set[str], page: Callable[[Request], Response]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        if request.path_params["prefix"] not in known:
            return failed(Problem(404, NOTHING_HERE), SHARED)
        return page(request)

    return answer
