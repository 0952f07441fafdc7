"""What every script does with its client: rank, fail on purpose, wait as asked; then one line of JSON about it.

Runs in environments of their own, where nothing of secondpass is installed. What to do comes as JSON in the first
argument: `root`, `keys` by name, `query`, `documents`, `too_many` documents, `variant`, and `cases` among 401, 422, 429
and retry.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

GIVEN: dict[str, Any] = json.loads(sys.argv[1])


@dataclass(frozen=True)
class Asked:
    """One ranking that a client is to ask for. `retries`: whether it may try again by itself, where it can be told."""

    root: str
    key: str
    query: str
    documents: list[str]
    variant: str
    retries: bool = False


Rank = Callable[[Asked], list[tuple[int, float]]]


def tell(package: str, rank: Rank) -> None:
    """Print what came of ranking with the client, which gives an index and a score a result, best first."""
    keys = GIVEN["keys"]
    asked = Asked(GIVEN["root"], keys["good"], GIVEN["query"], GIVEN["documents"], GIVEN["variant"])
    told: dict[str, Any] = {"version": version(package), "found": rank(asked), "errors": {}}
    if "401" in GIVEN["cases"]:
        told["errors"]["401"] = failure(rank, replace(asked, key="wrong"))
    if "422" in GIVEN["cases"]:
        told["errors"]["422"] = failure(rank, replace(asked, documents=GIVEN["too_many"]))
    if "429" in GIVEN["cases"]:
        use_up(keys["poor"])
        told["errors"]["429"] = failure(rank, replace(asked, key=keys["poor"]))
    if "retry" in GIVEN["cases"]:
        use_up(keys["patient"])
        began = time.monotonic()
        told["retried"] = rank(replace(asked, key=keys["patient"], retries=True))
        told["waited"] = time.monotonic() - began
    print(json.dumps(told))  # noqa: T201 what the test reads


def failure(rank: Rank, asked: Asked) -> dict[str, str] | None:
    """The exception's name and text; None where there was none."""
    try:
        rank(asked)
    except Exception as error:  # noqa: BLE001 which it is, is what is asked
        return {"type": type(error).__name__, "text": f"{error}"}
    return None


def use_up(key: str) -> None:
    """Ask with the key, without any client, until the server has had enough of it."""
    body = json.dumps({"model": "fast", "query": "a", "documents": ["a"]}).encode()
    headers = {"Authorization": f"Bearer {key}", "X-Request-Id": "used-up"}
    for _ in range(1000):
        request = urllib.request.Request(f"{GIVEN['server']}/shared/rerank", body, headers)
        try:
            urllib.request.urlopen(request, timeout=30).close()
        except urllib.error.HTTPError as error:
            if error.code != 429:
                raise
            return
    raise RuntimeError("the server never had enough")
