from contextual import ContextualAI
from told import Asked, tell


def rank(asked: Asked) -> list[tuple[int, float]]:
    client = ContextualAI(api_key=asked.key, base_url=f"{asked.root}/v1", max_retries=2 if asked.retries else 0)
    told = ["" for _ in asked.documents]
    answer = client.rerank.create(
        model="embedded", query=asked.query, documents=asked.documents, metadata=told, top_n=4
    )
    return [(row.index, row.relevance_score) for row in answer.results]


tell("contextual-client", rank)
