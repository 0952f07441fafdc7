"""Candidate lists from files: `candidates.tsv`, and mteb's `top_ranked` and prediction files. Knows ids only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from secondpass.errors import InputError
from secondpass.evaluation.textfile import TextFile

CANDIDATES = "candidates.tsv"

Candidates = dict[str, list[str]]
"""Query id → document ids, best first."""


def read_candidates(file: TextFile | str | Path) -> Candidates:
    """Read the candidates of every query, in the file's order.

    By the file's ending: `.tsv` with `query-id`, `corpus-id` (further columns are not read: the order is the
    ranking), `.jsonl` with mteb's `query-id`, `corpus-ids` rows, or `.json` with query → list of ids, or query → id →
    score as mteb predicts, where the best score comes first. Raises `InputError` naming the file and line.
    """
    source = file if isinstance(file, TextFile) else TextFile(Path(file))
    readers = {".tsv": _from_table, ".jsonl": _from_rows, ".json": _from_json}
    if source.suffix not in readers:
        raise InputError(f"{source} is no candidate list: its name must end in {', '.join(readers)}.")
    found: Candidates = {}
    seen: set[tuple[str, str]] = set()
    for place, query, document in readers[source.suffix](source):
        if (query, document) in seen:
            raise InputError(f"{place}: document {document!r} stands a second time among those of query {query!r}.")
        seen.add((query, document))
        found.setdefault(query, []).append(document)
    return found


Entries = Iterator[tuple[str, str, str]]
"""Place, query and document of each."""


def _from_table(file: TextFile) -> Entries:
    for number, line in file.filled():
        fields = line.split("\t")
        if number == 1 and fields[:2] == ["query-id", "corpus-id"]:
            continue
        if len(fields) < 2:
            raise InputError(f"{file}:{number}: {line!r} is not `query-id<TAB>corpus-id`.")
        yield f"{file}:{number}", fields[0], fields[1]


def _from_rows(file: TextFile) -> Entries:
    for number, row in file.objects():
        place = f"{file}:{number}"
        if "query-id" not in row or not isinstance(row.get("corpus-ids"), list):
            raise InputError(f"{place}: not a JSON object with `query-id` and a list of `corpus-ids`.")
        for document in row["corpus-ids"]:
            yield place, str(row["query-id"]), str(document)


def _from_json(file: TextFile) -> Entries:
    try:
        value = json.loads(file.text())
    except ValueError as error:
        raise InputError(f"{file}: not JSON ({error}).") from error
    for query, listed in _lists(value, str(file)).items():
        for document in _ordered(listed, f"{file}: query {query!r}"):
            yield f"{file}: query {query!r}", query, str(document)


def _lists(value: Any, name: str) -> Mapping[str, Any]:
    """Query → candidates; what mteb wraps around it (subset, split) is taken off where there is one of each."""
    if not isinstance(value, dict):
        raise InputError(f"{name}: holds one {type(value).__name__}, and not an object of candidates by query.")
    inside = {key: part for key, part in value.items() if key != "mteb_model_meta"}
    while inside and all(_is_wrapped(part) for part in inside.values()):
        if len(inside) > 1:
            raise InputError(f"{name}: holds {', '.join(inside)}: keep one of them, and one split of it.")
        inside = next(iter(inside.values()))
    return inside


def _is_wrapped(part: Any) -> bool:
    return isinstance(part, dict) and bool(part) and all(isinstance(v, dict | list) for v in part.values())


def _ordered(listed: Any, place: str) -> list[Any]:
    if isinstance(listed, list):
        return listed
    if isinstance(listed, dict) and all(isinstance(score, int | float) for score in listed.values()):
        return sorted(listed, key=lambda document: -listed[document])
    raise InputError(f"{place}: neither a list of ids nor an object of scores by id.")
