"""Real clients against a real server. Run with `pytest -m clients`: each environment is installed on first use.

What came of it is written to build/clients.json, from which `python docs/clients.py` makes the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import secondpass
from tests.clients.environments import FOLDER
from tests.clients.trial import KEYS_FILE, MOST_DOCUMENTS, Client, Trial, clients, tried
from tests.server.conftest import Running, running

pytestmark = pytest.mark.clients

RESULTS = FOLDER.parent.parent / "clients.json"
EXAMPLE = json.loads((Path(__file__).parent.parent.parent / "examples" / "novel.json").read_text(encoding="utf-8"))
QUERY, DOCUMENTS = EXAMPLE["query"], EXAMPLE["documents"]
TOLERANCE = 0.01  # Google's scores have two decimals


@pytest.fixture(scope="module")
def right() -> dict[str, dict[int, float]]:
    """What the library makes of the example: by index, best first, on both scales."""
    with secondpass.load() as reranker:
        ranking = reranker.rank(QUERY, DOCUMENTS)
    assert ranking[0].index == EXAMPLE["first"]
    return {
        "score": {hit.index: hit.score for hit in ranking},
        "logit": {hit.index: hit.logit for hit in ranking},
    }


def serving(folder: Path, settings: str) -> str:
    """The server's settings, in a file in `folder`."""
    (folder / "secondpass.toml").write_text(
        f'[serve]\nmax_documents = {MOST_DOCUMENTS}\n{settings}\n[models]\nembedded = "embedded"\nfast = "bm25"\n',
        encoding="utf-8",
    )
    return "secondpass.toml"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "keys.toml").write_text(KEYS_FILE, encoding="utf-8")
    with running(folder, "--config", serving(folder, 'keys_file = "keys.toml"')) as found:
        yield found


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("open")
    with running(folder, "--config", serving(folder, "")) as found:
        yield found


@pytest.mark.parametrize("client", clients(), ids=lambda client: client.name)
def test_a_client_ranks_and_fails_as_with_its_own_service(
    client: Client, right: dict[str, dict[int, float]], request: pytest.FixtureRequest
) -> None:
    server: Running = request.getfixturevalue("open_server" if client.without_key else "guarded")
    cases = [*client.errors, *(["retry"] if client.retries else [])]
    trial = tried(client, server, QUERY, DOCUMENTS, cases)
    check_ranked(trial.told["found"], right[client.scale])
    for status, kind in client.errors.items():
        error = trial.told["errors"][status]
        assert error is not None, f"no error for {status}"
        assert error["type"] == kind, error
        assert int(status) in client.mute or SAID[status] in error["text"], error
    if client.retries:
        check_ranked(trial.told["retried"], right[client.scale])
        assert 429 in trial.statuses("patient")
        assert trial.statuses("patient")[-1] == 200
        assert trial.told["waited"] > (0.0 if client.own_pace else 0.9)
    note(client, trial)


SAID = {"401": "is not accepted", "422": f"takes {MOST_DOCUMENTS}", "429": "used up"}
"""What the server says, which the exception has to pass on."""


def check_ranked(found: list[list[float]], right: dict[int, float]) -> None:
    assert len(found) >= 3
    assert [index for index, _ in found] == list(right)[: len(found)]
    for index, score in found:
        assert score == pytest.approx(right[int(index)], abs=TOLERANCE)


def note(client: Client, trial: Trial) -> None:
    """Keep what came of it for the page."""
    known: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    path, dialect = trial.answered
    known[client.name] = {
        "version": trial.told["version"],
        "path": path,
        "dialect": dialect,
        "waited": trial.told.get("waited"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    RESULTS.write_text(json.dumps(known, indent=1), encoding="utf-8")
