"""Our own field `secondpass`, which every dialect takes and answers under the same name.

Knows JSON values; not what ranks.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, cast, get_args

from secondpass.server.asked import Answered, Asked, Extension, OnDeadline, Wanted, with_metadata
from secondpass.server.body import Body
from secondpass.server.problem import Refused
from secondpass.types import Hit

FIELD = "secondpass"
_OF_THE_WHOLE = ("rules", "stages")


def extended(asked: Asked, body: Body) -> Asked:
    """`asked` with what the body's field `secondpass` says. Raises `Refused`."""
    if body.get(FIELD) is None:
        return asked
    more = read(body.inner(FIELD), len(asked.documents))
    documents = asked.documents
    if more.metadata is not None:
        documents = tuple(with_metadata(one, told) for one, told in zip(documents, more.metadata, strict=True))
    return replace(
        asked,
        documents=documents,
        instruction=asked.instruction if more.instruction is None else more.instruction,
        priority=asked.priority if more.priority is None else more.priority,
        extension=more,
    )


def read(field: Body, documents: int) -> Extension:
    """The field's contents, for a request with so many documents. Raises `Refused`."""
    return Extension(
        instruction=field.text("instruction"),
        rules=field.flag("rules", default=True),
        signals=field.text("signals"),
        now=field.text("now"),
        cascade=field.text("cascade"),
        metadata=_metadata(field, documents),
        budget_ms=_milliseconds(field, "budget_ms"),
        deadline_ms=_milliseconds(field, "deadline_ms"),
        on_deadline=cast(OnDeadline, field.choice("on_deadline", get_args(OnDeadline), "degraded")),
        priority=field.integer("priority"),
        wanted=_wanted(field),
    )


def answered(body: Any, answer: Answered) -> Any:
    """The dialect's answer with the field in it, where the request had it; in the rows of an answer that is a list."""
    if answer.asked.extension is None:
        return body
    wanted = answer.asked.extension.wanted
    if isinstance(body, list):
        by_index = {hit.index: hit for hit in answer.hits}
        return [{**row, FIELD: _of_hit(by_index[row["index"]], wanted)} for row in body]
    told: dict[str, Any] = {"model": answer.model, "degraded": answer.degraded}
    if "rules" in wanted:
        told["rules"] = [dict(rule.to_dict()) for rule in answer.rules]
    if "stages" in wanted:
        told["stages"] = [asdict(stage) for stage in answer.stages]
    if set(wanted) - set(_OF_THE_WHOLE):
        told["results"] = [{"index": hit.index, **_of_hit(hit, wanted)} for hit in answer.hits]
    return {**body, FIELD: told}


def _of_hit(hit: Hit, wanted: tuple[Wanted, ...]) -> dict[str, Any]:
    return {name: _value(hit, name) for name in wanted if name not in _OF_THE_WHOLE}


def _value(hit: Hit, name: str) -> Any:
    if name == "span":
        return None if hit.span is None else {"start": hit.span[0], "end": hit.span[1]}
    value = getattr(hit, name)
    return dict(value) if name == "signals" else value


def _wanted(field: Body) -> tuple[Wanted, ...]:
    names = field.strings("return")
    unknown = [name for name in names if name not in get_args(Wanted)]
    if unknown:
        raise Refused(f"secondpass.return: choose among {', '.join(get_args(Wanted))}.", "secondpass.return")
    return cast(tuple[Wanted, ...], tuple(dict.fromkeys(names)))


def _milliseconds(field: Body, name: str) -> float | None:
    value = field.number(name)
    if value is not None and value <= 0:
        raise Refused(f"secondpass.{name}={value}: give milliseconds, more than 0.", f"secondpass.{name}")
    return value


def _metadata(field: Body, documents: int) -> tuple[dict[str, Any] | None, ...] | None:
    given = field.get("metadata")
    if given is None:
        return None
    if not isinstance(given, list) or not all(one is None or isinstance(one, dict) for one in given):
        raise Refused("secondpass.metadata: give a list with an object or null a document.", "secondpass.metadata")
    if len(given) != documents:
        raise Refused(f"secondpass.metadata has {len(given)} entries for {documents} documents.", "secondpass.metadata")
    return tuple(given)
