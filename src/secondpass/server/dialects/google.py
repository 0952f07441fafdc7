"""Google's ranking API (Discovery Engine): records with an id of their own, which come back in order."""

from __future__ import annotations

from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.dialects.dialect import DOCUMENTS, QUERY, Dialect, Sent
from secondpass.server.problem import Problem, Refused
from secondpass.types import Document


def _read(body: Body, sent: Sent) -> Asked:
    records = body.items("records")
    return Asked(
        model=body.text("model"),
        query=body.query("query"),
        documents=tuple(_record(one, at) for at, one in enumerate(records)),
        given=tuple(records),
        top_n=body.cutoff("topN", "top_n", zero=True, negative=True),
        returns=not body.flag("ignoreRecordDetailsInResponse", "ignore_record_details_in_response"),
    )


def _record(given: Any, at: int) -> Document:
    if not isinstance(given, dict):
        raise Refused(f"records[{at}] is no object.", f"records[{at}]")
    record = Body(given, f"records[{at}].")
    title, content = record.text("title"), record.text("content")
    if title is None and content is None:
        raise Refused(f"records[{at}] has neither a title nor a content.", f"records[{at}]")
    return Document(content or title or "", id=record.text("id"), title=title if content else None)


def _write(answer: Answered) -> dict[str, Any]:
    names = ("id", "title", "content") if answer.asked.returns else ("id",)
    rows = []
    for hit in answer.hits:
        given = answer.given(hit)
        kept = {name: given[name] for name in names if given.get(name) is not None}
        rows.append({**kept, "score": answer.score(hit)})
    return {"records": rows}


_STATUSES = {
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def _error(problem: Problem) -> dict[str, Any]:
    status = _STATUSES.get(problem.status, "INVALID_ARGUMENT" if problem.status < 500 else "INTERNAL")
    return {"error": {"code": problem.status, "message": problem.message, "status": status}}


GOOGLE = Dialect(
    name="google",
    title="Google Discovery Engine",
    prefix="google",
    paths=("/v1/projects/{project}/locations/{location}/rankingConfigs/{config}:rank",),
    read=_read,
    write=_write,
    error=_error,
    refused=400,
    example={
        "model": "embedded",
        "query": QUERY,
        "topN": 1,
        "records": [{"id": str(at), "content": text} for at, text in enumerate(DOCUMENTS)],
    },
    source="google-cloud-discoveryengine 0.20",
)
