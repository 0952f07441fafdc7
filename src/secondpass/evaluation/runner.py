"""Running an evaluation: every model ranks the same candidates, a query at a time, into journals that outlive a kill.

Measures are computed once, when all queries are there. Knows collections, first stages and rerankers by what they
give; nothing of how results are shown.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection, Query, digest
from secondpass.evaluation.following import ranked_by
from secondpass.evaluation.metrics import Measure, Run, evaluate_all
from secondpass.evaluation.record import CEILING, NO_RERANKING, Protocol, Record
from secondpass.evaluation.sample import draw, take
from secondpass.evaluation.speed import Timing, peak_memory, timed
from secondpass.evaluation.stages import found_by, open_stage
from secondpass.evaluation.store import JOURNALS, Answer, Journal, Key
from secondpass.evaluation.ties import ties
from secondpass.hosted.registry import is_hosted
from secondpass.ranking.hybrid import Hybrid
from secondpass.ranking.reranker import Reranker
from secondpass.ranking.rules import VERSION
from secondpass.types import Document, Ranking

FIRST_STAGES = "first-stages"
FIRST_STAGE = "bm25"
CANDIDATES = "candidates"
DEPTH = 100
_WARM = 8  # documents that a model ranks before it is timed
_CUTOFF = 10  # of the ties that are looked for, where the measure has none


@dataclass(frozen=True, slots=True)
class Task:
    """The queries of one collection with the candidates that every model ranks."""

    collection: Collection
    candidates: Run
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Step:
    """One query that is done: `done` of the `total` of this model on this collection, `left_s` for all models."""

    collection: str
    model: str
    done: int
    total: int
    seconds: float
    left_s: float


@dataclass(slots=True)
class Spent:
    """Seconds by what they went to: "data", "first stage", "loading", "scoring"; the rest is the evaluation's own."""

    by: dict[str, float] = field(default_factory=dict)
    begun: float = field(default_factory=time.perf_counter)

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Count what happens inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(what, time.perf_counter() - start)

    def add(self, what: str, seconds: float) -> None:
        """Count seconds that were measured elsewhere."""
        self.by[what] = self.by.get(what, 0.0) + seconds

    @property
    def own(self) -> float:
        """Seconds so far that went to nothing else: journals, measures, statistics, files."""
        return time.perf_counter() - self.begun - sum(self.by.values())


def prepare(
    collection: Collection,
    *,
    first_stage: str | None = None,
    depth: int | None = None,
    sample: int | None = None,
    seed: int = 0,
    cache: Path | None = None,
) -> Task:
    """Choose the queries and find their candidates; with `cache`, a folder, what was found is kept there.

    `first_stage` is `bm25` and `depth` 100 unless given; a collection of instructions that comes with candidates has
    all of these instead. `sample`: how many of the queries with a relevant document, or of the groups of instructions;
    None takes all that were judged, as trec_eval does. Raises `InputError` where no query is left.
    """
    own = bool(collection.groups and collection.candidates) and first_stage in (None, CANDIDATES)
    first_stage = first_stage or (CANDIDATES if own else FIRST_STAGE)
    longest = max(map(len, collection.candidates.values()), default=DEPTH) if own else DEPTH
    depth = depth or longest
    judged = [query for query in collection.qrels if query in collection.queries]
    queries = judged if sample is None else draw(collection, size=sample, seed=seed)
    if not queries:
        raise InputError(f"{collection.name} has no query with a judgement to measure with: give it qrels.")
    taken = take(collection, queries)
    found = found_by(open_stage(first_stage), taken, depth=depth, cache=cache)
    candidates = {query: found.run.get(query, {}) for query in queries}
    told = json.dumps([digest(taken), [[query, list(run.items())] for query, run in candidates.items()]])
    content = hashlib.sha256(told.encode()).hexdigest()[:32]
    protocol = Protocol(
        taken.name, found.name or first_stage, depth, len(queries), None if sample is None else seed, content
    )
    return Task(taken, candidates, protocol)


class Runner:
    """Evaluates models on `tasks`, one after the other, with journals in `folder`.

    `now`: when this began, and `machine`: what tells it from others; both are kept with what is measured. `rules`:
    whether models get what instructions say as rules too (`Reranker.rank`). `told` gets a `Step` a query. `models`: how
    many there will be, for the estimate of what is left. Raises `InputError` for two tasks of one name and for a
    measure that is not known.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        folder: Path,
        measures: Sequence[str],
        *,
        now: str,
        machine: Mapping[str, str],
        rules: bool = True,
        models: int = 1,
        told: Callable[[Step], None] = lambda step: None,
        spent: Spent | None = None,
    ) -> None:
        names = [task.protocol.collection for task in tasks]
        if len(set(names)) < len(names):
            raise InputError(f"Two collections have the same name ({', '.join(names)}): name each once.")
        self.tasks = tuple(tasks)
        self.measures = tuple(dict.fromkeys(str(Measure.named(measure)) for measure in measures))
        self.spent = spent or Spent()
        self.started = now
        self._now = now
        self._rules = rules
        self._folder = folder
        self._machine = machine
        self._told = told
        self._left = _Left(sum(task.protocol.queries for task in tasks), models)
        self._answers: dict[tuple[str, str], Mapping[str, Answer]] = {}

    def baselines(self) -> list[Record]:
        """The two records that are no models: the candidates as they came, and the relevant ones first."""
        found: list[Record] = []
        for name in (NO_RERANKING, CEILING):
            for task in self.tasks:
                run = task.candidates if name == NO_RERANKING else _best_first(task)
                found.append(self._record(task, name, "", run, {}))
        return found

    def evaluate(self, name: str, reranker: Reranker) -> list[Record]:
        """A record a task, in their order; queries that journals have already are not ranked again.

        A hybrid whose parts were evaluated here before is joined from their logits: its time is the sum of theirs, as
        it asks one after the other, and of the joining. Where rules move logits it is ranked as any model.
        """
        found: list[Record] = []
        self._left.begin()
        is_warm = is_hosted(name)  # which a request more would cost money, and warm nothing
        for task in self.tasks:
            rules = _rules_version(task, rules=self._rules)
            key = Key(task.protocol, name, _version(reranker) + rules, {**self._machine, **_backend(reranker)})
            with Journal(self._folder / JOURNALS, key, now=self._now) as journal:
                self.started = min(self.started, journal.started)
                parts = [] if rules else self._of_parts(task, reranker)
                if not is_warm and not parts and len(journal.answers) < len(task.candidates):
                    self._warm_up(task, reranker)
                    is_warm = True
                self._score(task, name, reranker, journal, parts)
                self._answers[task.protocol.digest, _version(reranker) + rules] = journal.answers
                told = reranker.declared.version + rules
                found.append(self._record(task, name, told, *_laid(task, journal.answers)))
        return found

    def _warm_up(self, task: Task, reranker: Reranker) -> None:
        """One ranking that is not timed: whatever a model does once, at its first, is not part of a query's time."""
        first = next(iter(task.candidates.values()))
        documents = [task.collection.documents[document] for document in [*first][:_WARM]]
        with self.spent.on("loading"):
            reranker.rank("a query to warm up with", documents, progress=False)

    def _of_parts(self, task: Task, reranker: Reranker) -> list[Mapping[str, Answer]]:
        """The answers of a hybrid's parts, where all of them were evaluated here."""
        parts = reranker.parts if isinstance(reranker, Hybrid) else ()
        found = [self._answers.get((task.protocol.digest, _version(part))) for part in parts]
        return [answers for answers in found if answers is not None] if all(found) else []

    def _score(
        self, task: Task, name: str, reranker: Reranker, journal: Journal, parts: Sequence[Mapping[str, Answer]]
    ) -> None:
        for answer in journal.answers.values():
            self._left.done(answer.timing.seconds)
        for query_id, candidates in task.candidates.items():
            if query_id in journal.answers:
                continue
            query = task.collection.queries[query_id]
            documents = [task.collection.documents[document] for document in candidates]
            if parts and isinstance(reranker, Hybrid):
                answer = _joined(reranker, documents, [answers[query_id] for answers in parts])
            else:
                answer = self._ranked(task, query, documents, reranker)
                self.spent.add("scoring", answer.timing.seconds)
            journal.add(query_id, answer)
            timing = answer.timing
            self._left.done(timing.seconds)
            done, total = len(journal.answers), task.protocol.queries
            self._told(Step(task.protocol.collection, name, done, total, timing.seconds, self._left.seconds))

    def _ranked(self, task: Task, query: Query, documents: Sequence[Document], reranker: Reranker) -> Answer:
        rank = partial(
            reranker.rank,
            query.text,
            documents,
            instruction=query.instruction,
            now=_now(task, query),
            rules=self._rules,
            progress=False,
        )
        ranking, timing = timed(rank)
        logits, truncated = _by_place(query.id, ranking, len(documents))
        return Answer(logits, truncated, timing, peak_memory())

    def _record(self, task: Task, model: str, version: str, run: Run, answers: Mapping[str, Answer]) -> Record:
        depth = f"R@{task.protocol.depth}"
        asked = [*ranked_by(task.collection), *self.measures]
        measures = [*asked, depth] if model == CEILING else asked
        qrels = task.collection.qrels
        cutoff = Measure.named(self.measures[0]).cutoff or _CUTOFF
        tied = None if model == CEILING else ties(run, qrels, cutoff=cutoff)
        return Record(
            protocol=task.protocol,
            model=model,
            version=version,
            values=evaluate_all(run, qrels, measures),
            run=run,
            timings={query: answer.timing for query, answer in answers.items() if answer.timing.documents},
            truncated={
                query: tuple(document for i, document in enumerate(task.candidates[query]) if i in answer.truncated)
                for query, answer in answers.items()
                if answer.truncated
            },
            peak_mib=max((answer.peak_mib for answer in answers.values() if answer.peak_mib), default=None),
            tied=tuple(q for q in qrels if q in {*tied.boundary, *tied.relevant}) if tied else (),
        )


class _Left:
    """How long the rest will take: each model's own mean time a query, and the mean of all for those to come."""

    def __init__(self, queries: int, models: int) -> None:
        self._queries = queries
        self._models = models
        self._taken: list[list[float]] = []

    def begin(self) -> None:
        self._taken.append([])

    def done(self, seconds: float) -> None:
        self._taken[-1].append(seconds)

    @property
    def seconds(self) -> float:
        means = [sum(taken) / len(taken) for taken in self._taken if taken]
        own = means[-1] * (self._queries - len(self._taken[-1]))
        to_come = max(0, self._models - len(self._taken))
        return own + to_come * self._queries * sum(means) / len(means)


def _joined(hybrid: Hybrid, documents: Sequence[Document], parts: Sequence[Answer]) -> Answer:
    start = time.perf_counter()
    logits = hybrid.join([np.array(part.logits) for part in parts], documents)
    seconds = time.perf_counter() - start + sum(part.timing.seconds for part in parts)
    timing = Timing(seconds, len(documents), max(part.timing.tokens for part in parts))
    truncated = sorted({place for part in parts for place in part.truncated})
    return Answer(tuple(logits.tolist()), tuple(truncated), timing, peak_memory())


def _by_place(query: str, ranking: Ranking, count: int) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """The logits in the candidates' order, and the places of the candidates that were not read whole."""
    hits = sorted(ranking, key=lambda hit: hit.index)
    if [hit.index for hit in hits] != list(range(count)):
        raise InputError(f"{ranking.model} gave {len(hits)} hits for the {count} candidates of {query!r}.")
    return tuple(hit.logit for hit in hits), tuple(hit.index for hit in hits if hit.truncated)


def _laid(task: Task, answers: Mapping[str, Answer]) -> tuple[Run, dict[str, Answer]]:
    """The model's run and its answers, both in the task's order of queries: an interruption leaves no trace in it."""
    run: dict[str, dict[str, float]] = {}
    for query, candidates in task.candidates.items():
        scored = dict(zip(candidates, answers[query].logits, strict=True))
        run[query] = {document: scored[document] for document in sorted(scored, key=lambda d: -scored[d])}
    return run, {query: answers[query] for query in task.candidates}


def _best_first(task: Task) -> dict[str, dict[str, float]]:
    """Every candidate by its grade, which no reranker can do better than."""
    found: dict[str, dict[str, float]] = {}
    for query, candidates in task.candidates.items():
        judged = task.collection.qrels[query]
        ordered = sorted(candidates, key=lambda document: -max(0.0, judged.get(document, 0.0)))
        found[query] = {document: 1.0 / rank for rank, document in enumerate(ordered, 1)}
    return found


def _version(reranker: Reranker) -> str:
    """All that can move a logit: the model's version, and how long inputs are dealt with."""
    return f"{reranker.declared.version} {reranker.limits!r}"


def _rules_version(task: Task, *, rules: bool) -> str:
    """What rules add to a model's version: nothing where the collection has no instruction."""
    told = rules and any(query.instruction for query in task.collection.queries.values())
    return f" rules {VERSION}" if told else ""


def _now(task: Task, query: Query) -> str | None:
    """The day that a query was asked on, where its collection says so; other collections mean other things by `now`."""
    return query.metadata.get("now") if task.collection.groups else None


def _backend(reranker: Reranker) -> dict[str, str]:
    chosen = reranker.capabilities
    return {} if chosen is None else {"backend": f"{chosen.name} {chosen.version}", "streams": str(chosen.streams)}
