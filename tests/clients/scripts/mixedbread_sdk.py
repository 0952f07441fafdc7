from mixedbread import Mixedbread
from told import Asked, tell


def rank(asked: Asked) -> list[tuple[int, float]]:
    client = Mixedbread(api_key=asked.key, base_url=asked.root, max_retries=2 if asked.retries else 0)
    answer = client.rerank(model="embedded", query=asked.query, input=asked.documents, top_k=4, return_input=True)
    assert answer.usage.total_tokens > 0
    assert [row.input for row in answer.data] == [asked.documents[row.index] for row in answer.data]
    return [(row.index, row.score) for row in answer.data]


tell("mixedbread", rank)
