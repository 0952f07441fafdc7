from told import Asked, tell
from zeroentropy import ZeroEntropy


def rank(asked: Asked) -> list[tuple[int, float]]:
    client = ZeroEntropy(api_key=asked.key, base_url=f"{asked.root}/v1", max_retries=2 if asked.retries else 0)
    answer = client.models.rerank(model="embedded", query=asked.query, documents=asked.documents, top_n=4)
    assert answer.total_tokens > 0
    return [(row.index, row.relevance_score) for row in answer.results]


tell("zeroentropy", rank)
