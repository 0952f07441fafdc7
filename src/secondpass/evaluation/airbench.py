"""AIR-Bench: data sets with hidden judgements, and the zip of rankings that its leaderboard takes.

A data set is a folder with `corpus_NAME.jsonl` and `queries_NAME_SPLIT.jsonl` (`id`, `text`), and for the split `dev`
`qrels_NAME_dev.jsonl` (`qid`, `docid`, `relevance`): the hub's rows under the names of its splits. Knows the two
formats of air-benchmark 0.1.0; ranks and fetches nothing.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection, Query
from secondpass.evaluation.metrics import Run
from secondpass.evaluation.places import trec_order
from secondpass.evaluation.textfile import Folder, TextFile, text_field
from secondpass.types import Document

VERSION = "AIR-Bench_24.05"
Split = Literal["dev", "test"]


@dataclass(frozen=True, slots=True)
class Task:
    """One data set: its type (`qa` or `long-doc`), domain and language as AIR-Bench names them, and which split."""

    task_type: str
    domain: str
    language: str
    dataset_name: str = "default"
    split: Split = "test"

    @property
    def file(self) -> str:
        """Where its rankings lie in the zip."""
        return f"{self.task_type}/{self.domain}/{self.language}_{self.dataset_name}_{self.split}.json"


def is_airbench(path: Path) -> bool:
    """Whether a folder has a corpus of AIR-Bench."""
    return path.is_dir() and any(path.glob("corpus_*.jsonl*"))


def load_airbench(path: str | Path, *, dataset_name: str | None = None, split: Split = "dev") -> Collection:
    """Read one data set of a folder; that of the test split has no judgements.

    `dataset_name`: which, where the folder has several. Raises `InputError` naming the part that is missing, those
    that there are, or the file and line.
    """
    root = Path(path)
    names = sorted({file.name.removeprefix("corpus_").split(".")[0] for file in root.glob("corpus_*.jsonl*")})
    name = (dataset_name or (names[0] if len(names) == 1 else "")).replace("-", "_")
    if name not in names:
        raise InputError(f"{root} has no data set {dataset_name!r} of AIR-Bench: name one of {', '.join(names)}.")
    documents = {key: Document(text, id=key) for key, text in _texts(_part(root, f"corpus_{name}")).items()}
    queries = {key: Query(key, text) for key, text in _texts(_part(root, f"queries_{name}_{split}")).items()}
    qrels: dict[str, dict[str, float]] = {}
    if split == "dev":
        judged = _part(root, f"qrels_{name}_{split}")
        for number, row in judged.objects():
            query, document = (text_field(row, field, f"{judged}:{number}") for field in ("qid", "docid"))
            qrels.setdefault(query, {})[document] = float(row.get("relevance", 0))
    called = root.resolve().name if len(names) == 1 else f"{root.resolve().name}-{name}"
    return Collection(called, documents, queries, qrels)


def write_upload(
    path: Path, runs: Mapping[Task, Run], *, retriever: str, reranker: str, version: str = VERSION
) -> list[str]:
    """Write the zip that the leaderboard takes, and give the names of what is in it.

    Rankings are written best first. The names of first stage and model are those that the leaderboard shows. Raises
    `InputError` where a run is of the dev split, which is scored at home, or where there is none.
    """
    if not runs or any(task.split != "test" for task in runs):
        raise InputError("The leaderboard takes runs of the split 'test', one or more: those of 'dev' are for you.")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for task, run in runs.items():
            ordered = {q: {d: scores[d] for d in trec_order(scores, query=q)} for q, scores in run.items()}
            value = {
                "model_name": retriever,
                "reranker_name": reranker,
                "benchmark_version": version,
                **asdict(task),
                "search_results": ordered,
            }
            archive.writestr(task.file, json.dumps(value, indent=4))
    return [task.file for task in runs]


def _texts(file: TextFile) -> dict[str, str]:
    return {
        text_field(row, "id", f"{file}:{number}"): text_field(row, "text", f"{file}:{number}")
        for number, row in file.objects()
    }


def _part(root: Path, name: str) -> TextFile:
    found = Folder(root, f"{name}.jsonl").find(f"{name}.jsonl")
    if found is None:
        raise InputError(f"{root} has no {name}.jsonl: it is not AIR-Bench's, or lacks this split.")
    return found
