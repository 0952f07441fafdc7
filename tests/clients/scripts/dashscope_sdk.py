import dashscope
from told import Asked, tell


class Refused(Exception):
    """The SDK returns failures and raises none."""


def rank(asked: Asked) -> list[tuple[int, float]]:
    dashscope.base_http_api_url = f"{asked.root}/api/v1"
    answer = dashscope.TextReRank.call(
        "embedded", asked.query, asked.documents, top_n=4, return_documents=True, api_key=asked.key
    )
    if answer.status_code != 200:
        raise Refused(f"{answer.status_code} {answer.code} {answer.message}")
    rows = answer.output.results
    assert [row["document"]["text"] for row in rows] == [asked.documents[row.index] for row in rows]
    assert answer.usage.total_tokens > 0
    return [(row.index, row.relevance_score) for row in rows]


tell("dashscope", rank)
