import voyageai
from told import Asked, tell


def rank(asked: Asked) -> list[tuple[int, float]]:
    client = voyageai.Client(asked.key, base_url=f"{asked.root}/v1", max_retries=3 if asked.retries else 0)
    answer = client.rerank(asked.query, asked.documents, model="embedded")
    assert answer.total_tokens > 0
    assert [row.document for row in answer.results] == [asked.documents[row.index] for row in answer.results]
    return [(row.index, row.relevance_score) for row in answer.results]


tell("voyageai", rank)
