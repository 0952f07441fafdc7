from together import Together
from told import Asked, tell


def rank(asked: Asked) -> list[tuple[int, float]]:
    client = Together(api_key=asked.key, base_url=asked.root, max_retries=2 if asked.retries else 0)
    answer = client.rerank.create(
        model="embedded", query=asked.query, documents=asked.documents, top_n=4, return_documents=True
    )
    assert [row.document.text for row in answer.results] == [asked.documents[row.index] for row in answer.results]
    return [(row.index, row.relevance_score) for row in answer.results]


tell("together", rank)
