"""One client's trial: its script in its environment against a server, and what the server saw of it.

Knows the scripts' JSON and the server's log; nothing of what is right.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.clients.environments import HERE, environment, table
from tests.server.conftest import KEY, Running

KEYS = {"good": KEY, "poor": f"poor-{KEY}", "patient": f"patient-{KEY}"}
KEYS_FILE = f"""
[good]
key = "{KEYS["good"]}"
[poor]
key = "{KEYS["poor"]}"
requests_per_minute = 1
[patient]
key = "{KEYS["patient"]}"
requests_per_minute = 60
"""
MOST_DOCUMENTS = 20
_PATIENCE = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A row of clients.toml, which says what each field is."""

    name: str
    environment: str
    script: str
    pointed: str
    variant: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    mute: Sequence[int] = ()
    retries: bool = False
    own_pace: bool = False
    scale: str = "score"
    without_key: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """What the script told, and the requests in the server's log, in order."""

    told: Mapping[str, Any]
    requests: Sequence[Mapping[str, Any]]

    @property
    def answered(self) -> tuple[str, str]:
        """The path and the dialect of the request that was ranked."""
        found = next(one for one in self.requests if one["status"] == 200)
        return found["route"], found["dialect"]

    def statuses(self, key: str) -> list[int]:
        """What a key was answered, in order."""
        return [one["status"] for one in self.requests if one.get("key") == key]


def clients() -> list[Client]:
    """Every row."""
    return [Client(**row) for row in table()["clients"]]


def tried(client: Client, server: Running, query: str, documents: Sequence[str], cases: Sequence[str]) -> Trial:
    """Run the script. Raises `AssertionError` with what it wrote where it fails."""
    where = environment(client.environment)
    where.make()
    given = {
        "server": server.url,
        "root": server.url,
        "keys": KEYS,
        "query": query,
        "documents": documents,
        "too_many": [f"{number} {documents[0]}" for number in range(MOST_DOCUMENTS + 1)],
        "variant": client.variant,
        "cases": cases,
    }
    began = len(server.log)
    command = [*where.command(HERE / "scripts" / client.script), json.dumps(given)]
    variables = {**os.environ, **where.variables, "NO_PROXY": "127.0.0.1", "PYTHONWARNINGS": "ignore"}
    ran = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert ran.returncode == 0, ran.stdout[-1000:] + ran.stderr[-3000:]
    logged = [json.loads(line) for line in server.log[began:].splitlines()]
    own = [one for one in logged if one.get("route") and one["request_id"] != "used-up"]
    return Trial(json.loads(ran.stdout.strip().splitlines()[-1]), own)
