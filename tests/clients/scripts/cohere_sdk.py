import asyncio

import cohere
from told import Asked, tell


def rank(asked: Asked) -> list[tuple[int, float]]:
    options = {"model": "embedded", "query": asked.query, "documents": asked.documents, "top_n": 4}
    options["request_options"] = {"max_retries": 2 if asked.retries else 0}
    if asked.variant == "v1":
        answer = cohere.Client(asked.key, base_url=asked.root).rerank(**options)
    elif asked.variant == "v2":
        answer = cohere.ClientV2(asked.key, base_url=asked.root).rerank(**options)
    else:
        answer = asyncio.run(cohere.AsyncClientV2(asked.key, base_url=asked.root).rerank(**options))
    assert answer.id
    assert answer.meta.billed_units.search_units == 1
    return [(row.index, row.relevance_score) for row in answer.results]


tell("cohere", rank)
