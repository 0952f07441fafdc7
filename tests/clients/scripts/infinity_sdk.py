from infinity_client import AuthenticatedClient
from infinity_client.api.default import rerank
from infinity_client.models import HTTPValidationError, RerankInput
from told import Asked, tell


class Refused(Exception):
    """The SDK returns a refused body as a value."""


def rank(asked: Asked) -> list[tuple[int, float]]:
    client = AuthenticatedClient(f"{asked.root}/infinity", asked.key, raise_on_unexpected_status=True)
    body = RerankInput(query=asked.query, documents=asked.documents, return_documents=True, model="embedded")
    answer = rerank.sync(client=client, body=body)
    if isinstance(answer, HTTPValidationError):
        raise Refused("; ".join(one.msg for one in answer.detail))
    assert [row.document for row in answer.results] == [asked.documents[row.index] for row in answer.results]
    return [(row.index, row.relevance_score) for row in answer.results]


tell("infinity_client", rank)
