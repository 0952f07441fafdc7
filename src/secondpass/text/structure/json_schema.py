"""JSON Schemas, and those of MongoDB's collections: title and description first, then the properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from secondpass.text.structure.kind import Record
from secondpass.text.structure.names import spelled
from secondpass.text.structure.schema import properties

_NAMES = ("collection", "collectionName", "name", "title")
_HOLDERS = ("$jsonSchema", "validator", "options", "schema")


def is_json_schema(value: Record) -> bool:
    """Whether a record is a schema of an object."""
    return isinstance(value, Mapping) and _is_object(value) and not _is_mongodb(value)


def is_collection(value: Record) -> bool:
    """Whether a record describes a MongoDB collection: a name and a validator, or a schema in BSON's types."""
    return isinstance(value, Mapping) and (_is_mongodb(_schema(value)) or _is_collection_with_fields(value))


def render_json_schema(value: Record) -> str:
    """A schema as lines."""
    assert isinstance(value, Mapping)
    return "\n".join(_lines("", value, _schema(value)))


def render_collection(value: Record) -> str:
    """A collection as lines."""
    assert isinstance(value, Mapping)
    return "\n".join(_lines("collection ", value, _schema(value)))


def _is_object(value: Mapping[Any, Any]) -> bool:
    return isinstance(value.get("properties"), Mapping) and (
        "type" in value or "$schema" in value or "bsonType" in value
    )


def _is_mongodb(schema: Mapping[Any, Any]) -> bool:
    return isinstance(schema.get("properties"), Mapping) and "bsonType" in schema


def _is_collection_with_fields(value: Mapping[Any, Any]) -> bool:
    named = any(isinstance(value.get(name), str) for name in ("collection", "collectionName"))
    return named and isinstance(_schema(value), Mapping) and _schema(value) is not value


def _schema(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The schema in what holds it: `options.validator.$jsonSchema`, or a part of that."""
    found = value
    for _ in _HOLDERS:
        inner = next((found[key] for key in (*_HOLDERS, "fields") if isinstance(found.get(key), Mapping)), None)
        if inner is None:
            return found
        found = inner
    return found


def _lines(before: str, outer: Mapping[Any, Any], schema: Mapping[Any, Any]) -> Iterator[str]:
    for held in [outer] if outer is schema else [outer, schema]:
        name = next((held[key] for key in _NAMES if isinstance(held.get(key), str)), None)
        if name is not None:
            yield before + spelled(name)
        if isinstance(held.get("description"), str):
            yield held["description"]
    yield from properties(schema)
