"""What is told of each path: its part of the OpenAPI schema, and the page at /docs that shows the schema.

Knows dialects by their examples; nothing of what answers. The page is one file and loads nothing from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response

from secondpass.server.dialects.dialect import Dialect

PAGE = Path(__file__).with_name("reference.html")

_SAFE = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_STATUSES = {
    "401": "The key is missing or unknown.",
    "404": "No model of that name is served, where names are taken strictly.",
    "413": "Too long.",
    "422": "Not usable.",
    "429": "Too much at a time: try again after the seconds in Retry-After.",
    "502": "A hosted model's service failed.",
    "503": "The models are being loaded, or the server is about to end.",
    "504": "The deadline passed, and the request wants that to be an error.",
}
_EXTENSION = {
    "type": ["object", "null"],
    "description": "What every dialect takes beyond its own: instruction, rules, now, metadata, signals, cascade, "
    "budget_ms, deadline_ms, on_deadline, priority, return.",
}


def add_reference(app: FastAPI) -> None:
    """Serve the page at /docs."""

    def docs() -> Response:
        return HTMLResponse(_page(), headers={"Content-Security-Policy": _SAFE})

    app.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)


def documented(path: str, candidates: tuple[Dialect, ...]) -> dict[str, Any]:
    """The part of an operation's schema that FastAPI cannot know: body, examples, path parameters, statuses."""
    examples = {one.name: {"summary": one.title, "value": dict(one.example)} for one in candidates}
    schemas = [_schema(one) for one in candidates]
    body = {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}, "examples": examples}
    refused = {str(one.refused): "Not usable." for one in candidates}
    return {
        "parameters": parameters(path),
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "200": {"description": "The ranking.", "content": {"application/json": {"schema": {}}}},
            **{status: {"description": told} for status, told in sorted({**refused, **_STATUSES}.items())},
        },
    }


def parameters(path: str) -> list[dict[str, Any]]:
    """The schema of what stands in braces in a path."""
    names = _PARAMETER.findall(path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _schema(dialect: Dialect) -> dict[str, Any]:
    """A body's schema, by the example: its fields and their types, all of which may be null or left out."""
    fields = {name: _type(value) for name, value in dialect.example.items()}
    return {"type": "object", "title": dialect.title, "properties": {**fields, "secondpass": _EXTENSION}}


def _type(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {"type": ["object", "null"], "properties": {name: _type(one) for name, one in value.items()}}
    if isinstance(value, list):
        return {"type": ["array", "null"], "items": _type(value[0])}
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {"type": [kinds[type(value)], "null"]}


@cache
def _page() -> str:
    return PAGE.read_text(encoding="utf-8")
