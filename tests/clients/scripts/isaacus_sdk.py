from isaacus import Isaacus
from told import Asked, tell


def rank(asked: Asked) -> list[tuple[int, float]]:
    client = Isaacus(api_key=asked.key, base_url=f"{asked.root}/v1", max_retries=2 if asked.retries else 0)
    answer = client.rerankings.create(model="embedded", query=asked.query, texts=asked.documents, top_n=4)
    assert answer.usage.input_tokens > 0
    return [(row.index, row.score) for row in answer.results]


tell("isaacus", rank)
