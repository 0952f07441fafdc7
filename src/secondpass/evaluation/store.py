"""What an evaluation keeps on disk: a journal of queries as they finish, and the result of them all.

A journal is one model's on one collection under one protocol, a line a query, so that a killed evaluation goes on where
it stopped. Knows records and files; no models, and nothing of how a result is shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from secondpass.errors import InputError
from secondpass.evaluation.record import Evaluation, Protocol, Record
from secondpass.evaluation.speed import Timing
from secondpass.evaluation.trec import write_run

RESULT = "result.json"
JOURNALS = "journals"
RUNS = "runs"
_LAYOUT = 1  # of journals and results
_SHORT = 60


@dataclass(frozen=True, slots=True)
class Key:
    """What has to be the same for a query's logits and timing to be taken over.

    `version`: everything that can move a logit. `where`: the machine and the backend, which move timings.
    """

    protocol: Protocol
    model: str
    version: str
    where: Mapping[str, str]

    @property
    def file(self) -> str:
        """The journal's name: for people the collection and the model, then a hash of all of it."""
        told = json.dumps([_LAYOUT, asdict(self.protocol), self.model, self.version, sorted(self.where.items())])
        return f"{plain(self.protocol.collection, self.model)}-{hashlib.sha256(told.encode()).hexdigest()[:16]}.jsonl"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model made of one query: a logit a candidate, in the candidates' order, and the places of those cut."""

    logits: tuple[float, ...]
    truncated: tuple[int, ...]
    timing: Timing
    peak_mib: float | None


class Journal:
    """The answers to a model's queries so far: `answers` by query id; `add` appends one. Close it after use.

    `started`: when the file was begun, as given for `now` then. Raises `InputError` naming the file and line that
    cannot be read; a last line that was cut off by a kill is dropped.
    """

    def __init__(self, folder: Path, key: Key, *, now: str) -> None:
        self.path = folder / key.file
        self.answers: dict[str, Answer] = {}
        self.started = now
        folder.mkdir(parents=True, exist_ok=True)
        if not self._read():
            self.path.unlink(missing_ok=True)
        is_new = not self.path.exists()
        self._file: IO[str] = self.path.open("a", encoding="utf-8", newline="\n")
        if is_new:
            self._write({"layout": _LAYOUT, "started": now, **asdict(key)})

    def add(self, query: str, answer: Answer) -> None:
        """Append one answer; it is in the operating system's hands when this returns."""
        self.answers[query] = answer
        timing = answer.timing
        self._write(
            {
                "query": query,
                "logits": answer.logits,
                "truncated": answer.truncated,
                "timing": (timing.seconds, timing.documents, timing.tokens),
                "peak_mib": answer.peak_mib,
            }
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, value: Mapping[str, Any]) -> None:
        self._file.write(f"{json.dumps(value)}\n")
        self._file.flush()

    def _read(self) -> bool:
        """Whether there is a journal to go on with; what was cut off at its end is taken away."""
        if not self.path.is_file():
            return False
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with self.path.open("r+b") as file:
                file.truncate(whole)
        for number, line in enumerate(content[:whole].splitlines(), 1):
            self._take(number, line)
        return whole > 0

    def _take(self, number: int, line: bytes) -> None:
        try:
            value = json.loads(line)
            if number == 1:
                self.started = value["started"]
            else:
                self.answers[value["query"]] = Answer(
                    tuple(value["logits"]), tuple(value["truncated"]), Timing(*value["timing"]), value["peak_mib"]
                )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.path}:{number} is no line of a journal ({error!r}): remove the file, and its queries are "
                "scored again."
            ) from error


def plain(*names: str) -> str:
    """Names as a part of a file's name that every system takes."""
    text = "-".join("".join(c if (c.isalnum() and c.isascii()) or c in "._+" else "-" for c in name) for name in names)
    return "-".join(part for part in text.split("-") if part.strip("."))[:_SHORT].strip(".") or "unnamed"


def write_result(folder: Path, evaluation: Evaluation, tables: Sequence[Mapping[str, Any]] = ()) -> Path:
    """Write everything about an evaluation to `folder`/result.json, a record a line; `tables`: what was made of it."""
    head = {
        "layout": _LAYOUT,
        **{name: getattr(evaluation, name) for name in ("measures", "models", "seed", "command", "started")},
        "machine": dict(evaluation.machine),
        "versions": dict(evaluation.versions),
        "tables": list(tables),
    }
    parts = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    lines = ",\n".join(json.dumps(_as_json(record)) for record in evaluation.records)
    path = folder / RESULT
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("{" + ",\n".join([*parts, f'"records": [\n{lines}\n]']) + "}\n", encoding="utf-8", newline="\n")
    return path


def read_result(path: Path) -> Evaluation:
    """What `write_result` wrote; `path` is the file or its folder. Raises `InputError` where it is something else."""
    file = path / RESULT if path.is_dir() else path
    try:
        value = json.loads(file.read_bytes())
        if value["layout"] != _LAYOUT:
            raise InputError(f"{file} is of layout {value['layout']}, and this version reads {_LAYOUT}: evaluate anew.")
        return Evaluation(
            records=tuple(_record(each) for each in value["records"]),
            measures=tuple(value["measures"]),
            models=tuple(value["models"]),
            **{name: value[name] for name in ("seed", "command", "started", "machine", "versions")},
        )
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file} is no result of an evaluation ({error!r}): give a {RESULT}.") from error


def write_runs(folder: Path, records: Sequence[Record]) -> dict[str, str]:
    """Write a TREC run a record to `folder`/runs; collection and model → why, for those that no run file can hold."""
    (folder / RUNS).mkdir(parents=True, exist_ok=True)
    refused: dict[str, str] = {}
    used: set[str] = set()
    for record in records:
        name = plain(record.protocol.collection, record.model)
        path = folder / RUNS / f"{name}.trec"
        if name in used:
            path = path.with_stem(f"{name}-{len(used)}")
        used.add(path.stem)
        try:
            write_run(path, record.run, tag=plain(record.model))
        except InputError as error:
            refused[f"{record.protocol.collection} {record.model}"] = str(error)
    return refused


def _as_json(record: Record) -> dict[str, Any]:
    return {
        "protocol": asdict(record.protocol),
        "model": record.model,
        "version": record.version,
        "values": record.values,
        "run": record.run,
        "truncated": record.truncated,
        "tied": record.tied,
        "measured": {
            "timings": {query: (t.seconds, t.documents, t.tokens) for query, t in record.timings.items()},
            "peak_mib": record.peak_mib,
        },
    }


def _record(value: Mapping[str, Any]) -> Record:
    measured = value["measured"]
    return Record(
        protocol=Protocol(**value["protocol"]),
        model=value["model"],
        version=value["version"],
        values=value["values"],
        run=value["run"],
        timings={query: Timing(*timing) for query, timing in measured["timings"].items()},
        truncated={query: tuple(documents) for query, documents in value["truncated"].items()},
        peak_mib=measured["peak_mib"],
        tied=tuple(value["tied"]),
    )
