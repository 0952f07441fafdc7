"""TREC's files: qrels, topics and runs. Knows their columns and tags; nothing of collections or models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from secondpass.errors import InputError
from secondpass.evaluation.collection import Query, grade
from secondpass.evaluation.metrics import Run, trec_order
from secondpass.evaluation.textfile import TextFile

_TAG = re.compile(r"<\s*(/?)\s*(top|num|title|desc|narr)\b[^>]*>", re.IGNORECASE)
# What stands before the value in NIST's own files.
_LABEL = {
    "num": re.compile(r"^\s*Number:\s*", re.IGNORECASE),
    "title": re.compile(r"^\s*(Topic|Title):\s*", re.IGNORECASE),
    "desc": re.compile(r"^\s*Description:\s*", re.IGNORECASE),
    "narr": re.compile(r"^\s*Narrative:\s*", re.IGNORECASE),
}
_FIELDS = {"title": "title", "desc": "description", "narr": "narrative"}


@dataclass(frozen=True, slots=True)
class RunFile:
    """A run as it was read: the scores, and the tag of who made it."""

    run: Run
    tag: str


def read_qrels(path: str | Path) -> dict[str, dict[str, float]]:
    """Judgements of a file with four columns: query, iteration (not read), document, grade.

    Raises `InputError` naming the file and line.
    """
    file = TextFile(Path(path))
    found: dict[str, dict[str, float]] = {}
    for number, line in file.filled():
        fields = line.split()
        try:
            query, _, document, value = fields
            judged = grade(value)
        except ValueError as error:
            raise InputError(f"{file}:{number}: {line!r} is not `query iteration document grade`.") from error
        _put(found, query, document, judged, f"{file}:{number}")
    return found


def read_topics(path: str | Path, *, field: str = "title") -> dict[str, Query]:
    """Queries of a file of topics: NIST's `<top>` blocks, or lines of id and text with a tab between.

    `field` of a block is the query's text: "title", "description" or "narrative"; the others become metadata. Raises
    `InputError` naming the file and line.
    """
    if field not in _FIELDS.values():
        raise InputError(f"There is no field {field!r} in a topic: choose one of {', '.join(_FIELDS.values())}.")
    file = TextFile(Path(path))
    lines = list(file.filled())
    in_blocks = bool(lines) and lines[0][1].lstrip().startswith("<")
    topics = _blocks(file, lines, field) if in_blocks else _tabbed(file, lines)
    found: dict[str, Query] = {}
    for place, query in topics:
        if query.id in found:
            raise InputError(f"{place}: topic {query.id!r} stands there a second time.")
        found[query.id] = query
    return found


def read_run(path: str | Path) -> RunFile:
    """A run of six columns: query, Q0, document, rank, score, tag. Scores count, as in trec_eval; ranks do not.

    Raises `InputError` naming the file and line.
    """
    file = TextFile(Path(path))
    found: dict[str, dict[str, float]] = {}
    tag = ""
    for number, line in file.filled():
        fields = line.split()
        try:
            query, _, document, _, value, tag = fields
            score = float(value)
        except ValueError as error:
            raise InputError(f"{file}:{number}: {line!r} is not `query Q0 document rank score tag`.") from error
        if score - score != 0:
            raise InputError(f"{file}:{number}: the score {value} is not a finite number.")
        _put(found, query, document, score, f"{file}:{number}")
    return RunFile(found, tag)


def write_run(path: str | Path, run: Run, *, tag: str) -> None:
    """Write a run in six columns, in trec_eval's order (best score first, ties by document id, descending).

    Scores are written so that reading them gives the same numbers. Raises `InputError` for an id or a tag that is
    empty or has white space in it.
    """
    _require_word(tag, "tag")
    lines: list[str] = []
    for query, scores in run.items():
        _require_word(query, "query")
        for rank, document in enumerate(trec_order(scores, query=query), 1):
            _require_word(document, "document")
            lines.append(f"{query} Q0 {document} {rank} {float(scores[document])!r} {tag}\n")
    Path(path).write_text("".join(lines), encoding="utf-8", newline="\n")


def _require_word(text: str, what: str) -> None:
    if not text or len(text.split()) != 1:
        raise InputError(f"The {what} {text!r} cannot stand in a run file: its columns are parted by white space.")


def _put(found: dict[str, dict[str, float]], query: str, document: str, value: float, place: str) -> None:
    inside = found.setdefault(query, {})
    if document in inside:
        raise InputError(f"{place}: query {query!r} has document {document!r} a second time.")
    inside[document] = value


def _tabbed(file: TextFile, lines: list[tuple[int, str]]) -> Iterator[tuple[str, Query]]:
    for number, line in lines:
        key, tab, text = line.partition("\t")
        if not tab or not key.strip() or not text.strip():
            raise InputError(f"{file}:{number}: {line!r} is not `id<TAB>text`.")
        yield f"{file}:{number}", Query(key.strip(), text.strip())


def _blocks(file: TextFile, lines: list[tuple[int, str]], field: str) -> Iterator[tuple[str, Query]]:
    """Closing tags may be there or not: a field ends where the next tag begins."""
    block: dict[str, str] | None = None
    current, begun = "", 0
    for number, line in lines:
        at = 0
        for tag in _TAG.finditer(line):
            if block is not None and current:
                block[current] += line[at : tag.start()]
            at, closing, name = tag.end(), bool(tag[1]), tag[2].lower()
            if name == "top":
                if (block is None) is closing:
                    wrong = "no topic is open" if closing else "one is open still"
                    raise InputError(f"{file}:{number}: {tag[0]} stands where {wrong}.")
                if closing and block is not None:
                    yield f"{file}:{begun}", _topic(block, field, f"{file}:{begun}")
                block, current, begun = (None if closing else {}), "", number
            elif block is None:
                raise InputError(f"{file}:{number}: {tag[0]} stands outside a <top>.")
            else:
                current = "" if closing else name
                block.setdefault(name, "")
        if block is not None and current:
            block[current] += f"{line[at:]}\n"
    if block is not None:
        raise InputError(f"{file}:{begun}: the <top> that begins there has no end.")


def _topic(block: Mapping[str, str], field: str, place: str) -> Query:
    values = {name: " ".join(_LABEL[name].sub("", text).split()) for name, text in block.items()}
    fields = {_FIELDS[name]: value for name, value in values.items() if name in _FIELDS and value}
    if not values.get("num") or field not in fields:
        missing = "number" if not values.get("num") else field
        raise InputError(f"{place}: the topic that begins there has no {missing}.")
    return Query(values["num"], fields[field], metadata={name: text for name, text in fields.items() if name != field})
