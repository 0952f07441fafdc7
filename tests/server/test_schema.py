"""What the OpenAPI schema says holds for requests that are made from it, and /docs shows it without a network."""

from __future__ import annotations

import re
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance

from secondpass.server.app import create_app
from secondpass.server.dialects.registry import DIALECTS, routes
from tests.server.conftest import Running

OPENAPI = create_app().openapi()
SCHEMA = schemathesis.openapi.from_dict(OPENAPI)


@SCHEMA.parametrize()
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_request_of_the_schema_gets_a_status_of_the_schema(server: Running, case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(base_url=server.url, checks=[not_a_server_error, status_code_conformance], timeout=20)


def test_every_path_and_every_dialect_is_in_the_schema_with_an_example() -> None:
    documented = {
        path: operation["post"]["requestBody"]["content"]["application/json"]["examples"]
        for path, operation in OPENAPI["paths"].items()
        if "post" in operation
    }
    assert documented.keys() == {path.replace(":path}", "}") for path in routes()}
    assert {name for examples in documented.values() for name in examples} == {one.name for one in DIALECTS}


def test_the_page_of_paths_loads_nothing_from_elsewhere(server: Running) -> None:
    response = server.client.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert not re.findall(r"""(?:src|href|url|import|from)\s*[=(]?\s*["']?https?:""", response.text)
    assert "openapi.json" in response.text
    assert server.client.get("/openapi.json").json()["paths"].keys() == OPENAPI["paths"].keys()
