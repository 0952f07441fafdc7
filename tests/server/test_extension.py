"""Our own field works in every dialect and is answered under its own name."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from secondpass.server.asked import Wanted
from secondpass.server.dialects.dialect import Dialect
from secondpass.server.dialects.registry import DIALECTS
from tests.server.conftest import Running
from tests.server.recorded import BEST, D, Q
from tests.server.test_errors import path_of

EVERYTHING = list(get_args(Wanted))


def asked(server: Running, more: dict[str, Any], **fields: Any) -> Any:
    body = {"query": Q, "documents": D, **fields, "secondpass": more}
    response = server.client.post("/v1/rerank", json=body)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_dialect_answers_it(server: Running, dialect: Dialect) -> None:
    body = {**dialect.example, "secondpass": {"return": EVERYTHING}}
    found = server.client.post(path_of(dialect), json=body).json()
    rows = [row["secondpass"] for row in found] if isinstance(found, list) else found["secondpass"]["results"]
    assert rows
    for row in rows:
        assert set(EVERYTHING) - {"rules", "stages"} <= set(row)
        assert isinstance(row["logit"], float)
        assert row["probability"] is None or 0 <= row["probability"] <= 1
        assert row["tokens"] > 0
        assert row["chunks"] == 1


def test_without_it_nothing_is_added(server: Running) -> None:
    assert "secondpass" not in server.client.post("/v1/rerank", json={"query": Q, "documents": D}).json()


def test_rules_of_an_instruction_come_back(server: Running) -> None:
    instruction = "Prefer the newest."
    told = asked(server, {"instruction": instruction, "return": ["rules"], "now": "2026-11-20"})["secondpass"]
    assert told["rules"]
    without = asked(server, {"instruction": instruction, "return": ["rules"], "rules": False})["secondpass"]
    assert not without["rules"]


def test_signals_read_the_metadata_that_comes_beside_the_documents(server: Running) -> None:
    same = {"documents": [D[BEST]] * 2}
    days = [{"date": "2020-01-01"}, {"date": "2026-11-19"}]
    more = {"signals": "recency=30d", "metadata": days, "now": "2026-11-20", "return": ["signals"]}
    body = asked(server, more, **same)
    assert body["results"][0]["index"] == 1
    assert body["secondpass"]["results"][0]["signals"]


def test_metadata_has_to_be_one_a_document(server: Running) -> None:
    body = {"query": Q, "documents": D, "secondpass": {"metadata": [{}]}}
    response = server.client.post("/v1/rerank", json=body)
    assert response.status_code == 422
    assert "1 entries for 4 documents" in response.json()["detail"]


def test_a_cascade_of_served_models_tells_its_stages(server: Running) -> None:
    told = asked(server, {"cascade": "cascade(fast=2, embedded)", "return": ["stages"]})
    assert told["results"][0]["index"] == BEST
    assert [stage["kept"] for stage in told["secondpass"]["stages"]] == [2, 2]


def test_the_default_answers_for_unknown_names_and_says_so(server: Running) -> None:
    assert asked(server, {}, model="rerank-english-v3.0")["model"] == "embedded"
    assert asked(server, {}, model="fast")["secondpass"]["model"] == "fast"
