from pinecone import Pinecone
from told import Asked, tell


def rank(asked: Asked) -> list[tuple[int, float]]:
    client = Pinecone(api_key=asked.key, host=asked.root)
    answer = client.inference.rerank(model="embedded", query=asked.query, documents=asked.documents, top_n=4)
    assert answer.usage.rerank_units == 1
    assert [row.document["text"] for row in answer.data] == [asked.documents[row.index] for row in answer.data]
    return [(row.index, row.score) for row in answer.data]


tell("pinecone", rank)
