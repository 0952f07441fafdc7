"""A first look at how fast a reranker is, so that nobody waits for one that is far too slow. Knows no measure."""

from __future__ import annotations

from functools import partial
from itertools import islice

from secondpass.evaluation.runner import Task
from secondpass.evaluation.speed import latency_ms, timed
from secondpass.ranking.reranker import Reranker

QUERIES = 3
HOPELESS = 4.0
"""How many times the limit a model takes that is not measured further."""


def probe(reranker: Reranker, task: Task) -> float:
    """The median time of the first queries, in milliseconds; one more before them warms the model up, uncounted."""
    seconds = []
    wanted = [next(iter(task.candidates)), *islice(task.candidates, QUERIES)]
    for query_id in wanted:
        query = task.collection.queries[query_id]
        documents = [task.collection.documents[document] for document in task.candidates[query_id]]
        rank = partial(reranker.rank, query.text, documents, instruction=query.instruction, progress=False)
        seconds.append(timed(rank)[1].seconds)
    return latency_ms(seconds[1:])[0]
