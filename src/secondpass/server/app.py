"""`create_app`: the ASGI application, with every dialect at its paths.

Knows which parts there are and puts them together; what they do is theirs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from secondpass import __version__
from secondpass.server.about import About
from secondpass.server.dialects.dialect import Dialect
from secondpass.server.dialects.registry import routes
from secondpass.server.dialects.shared import SHARED
from secondpass.server.keys import keys_of
from secondpass.server.log import LOGGER
from secondpass.server.models import Models
from secondpass.server.playground.page import PATH, playground
from secondpass.server.problem import NOTHING_HERE, Problem
from secondpass.server.reference import add_reference, documented
from secondpass.server.service import Service, failed
from secondpass.server.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The server as an ASGI application; models are loaded once it is started, and `/ready` says when that is done.

    `app.state.service` is what answers, `app.state.front` the path that browsers are led to from /. Raises `InputError`
    for settings that cannot be, and `MissingExtra`.
    """
    settings = settings or Settings()
    service = Service(settings, Models(settings), keys_of(settings, os.environ))
    app = FastAPI(
        title="secondpass",
        version=__version__,
        description="Rerankers behind every API that clients speak. Send `secondpass` in any body for more.",
        root_path=settings.root_path,
        docs_url=None,  # FastAPI's own pages load their scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.service = service
    app.state.front = PATH
    for path, candidates in routes().items():
        _add(app, service, path, candidates)
    add_reference(app)
    app.add_api_route(PATH, playground, methods=["GET"], include_in_schema=False)
    About(service).add(app)
    app.add_exception_handler(HTTPException, _not_found)
    if settings.cors:
        origins = [origin.strip() for origin in settings.cors.split(",")]
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"])
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load while the server listens already, so that /health and /ready can be asked; close when all is answered."""
    service: Service = app.state.service
    loading = asyncio.ensure_future(asyncio.to_thread(service.models.load))
    loading.add_done_callback(lambda task: _loaded(service, app, task))
    try:
        yield
    finally:
        service.ready = False
        await asyncio.wait({loading})
        service.pool.shutdown()
        await asyncio.to_thread(service.models.close)


def _loaded(service: Service, app: FastAPI, task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is None and not task.cancelled():
        service.ready = True
        LOGGER.info("ready", extra={"told": {"models": [served.alias for served in service.models.served]}})
        return
    app.state.failure = error
    stop: Callable[[], None] | None = getattr(app.state, "stop", None)
    if stop is not None:
        stop()


def _add(app: FastAPI, service: Service, path: str, candidates: tuple[Dialect, ...]) -> None:
    titles = ", ".join(one.title for one in candidates)
    app.add_api_route(
        path,
        _endpoint(service, path, candidates),
        methods=["POST"],
        summary=f"Rerank: {titles}",
        operation_id=f"rerank {path}",
        tags=[candidates[0].prefix if len(candidates) == 1 else "shared paths"],
        openapi_extra=documented(path, candidates),
        include_in_schema=True,
    )


def _endpoint(service: Service, path: str, candidates: tuple[Dialect, ...]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await service.answer(request, path, candidates)

    return answer


async def _not_found(request: Request, error: Exception) -> Response:
    """What the router refuses, in the form that everyone reads."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    told = {404: NOTHING_HERE, 405: "This path takes another method."}
    return failed(Problem(status, told.get(status, "The request cannot be answered.")), SHARED)
