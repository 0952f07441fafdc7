from told import Asked, tell
from xinference_client import RESTfulClient


def rank(asked: Asked) -> list[tuple[int, float]]:
    client = RESTfulClient(asked.root, asked.key)
    answer = client.get_model("embedded").rerank(asked.documents, asked.query, top_n=4, return_documents=True)
    return [(row["index"], row["relevance_score"]) for row in answer["results"]]


tell("xinference-client", rank)
