"""The properties of a JSON Schema, or of what resembles one, as lines: `name (type): description`.

Knows nothing of tools and collections, which are both described by such properties.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from secondpass.text.lines import lines_of
from secondpass.text.structure.names import spelled

_INDENT = "  "
_NOISE = frozenset({"$schema", "$id", "additionalProperties", "required", "type", "bsonType", "title", "strict"})
"""What validates a value and tells nothing of what it means; a title is read where it stands for the whole."""
_DESCRIPTIONS = ("description", "desc", "doc", "title")


def properties(schema: object) -> Iterator[str]:
    """The lines of a schema's properties; of a mapping of names to schemas; or of a list of named ones."""
    if isinstance(schema, Mapping):
        under = schema.get("properties")
        fields = under if isinstance(under, Mapping) else {} if _is_leaf(schema) else schema
        for name, value in fields.items():
            yield from _property(str(name), value)
    elif isinstance(schema, Sequence) and not isinstance(schema, str):
        for value in schema:
            if isinstance(value, Mapping) and isinstance(value.get("name"), str):
                yield from _property(value["name"], {k: v for k, v in value.items() if k != "name"})
            else:
                yield from lines_of({"-": value})


def _is_leaf(schema: Mapping[Any, Any]) -> bool:
    return isinstance(schema.get("type", schema.get("bsonType")), str) and not isinstance(schema.get("type"), Mapping)


def _property(name: str, schema: object) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        yield from lines_of({spelled(name): schema})
        return
    description = next((schema[key] for key in _DESCRIPTIONS if isinstance(schema.get(key), str)), "")
    choices = schema.get("enum")
    told = [description.strip(), ", ".join(map(str, choices)) if isinstance(choices, list) else ""]
    yield f"{spelled(name)}: {'; '.join(filter(None, told))}".rstrip(": ")
    nested = schema.get("items") if isinstance(schema.get("items"), Mapping) else schema
    if isinstance(nested, Mapping) and isinstance(nested.get("properties"), Mapping):
        yield from (_INDENT + line for line in properties(nested))
