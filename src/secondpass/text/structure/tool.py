"""Tools and functions that a language model can call: OpenAI's and MCP's schemas, lists of them, and their relatives.

The name and its words first, then the description, then the parameters, then whatever else is said of the tool.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from secondpass.text.lines import lines_of
from secondpass.text.structure.kind import Record
from secondpass.text.structure.names import is_identifier, spelled
from secondpass.text.structure.schema import properties

_NAMES = ("name", "api_name", "function_name", "tool_name", "function", "tool")
_DESCRIPTIONS = ("description", "api_description", "specification", "tool_description", "summary", "docstring")
_PARAMETERS = (
    "parameters", "inputschema", "input_schema", "required_parameters", "optional_parameters", "args", "arguments",
    "args_schema", "inputs",
)  # fmt: skip
_RESULTS = ("responses", "response", "returns", "outputschema", "output_schema", "output")
_NOISE = frozenset({"required", "strict", "type", "additionalproperties"})


def is_tool(value: Record) -> bool:
    """Whether a record is one tool, or lists some."""
    tools = _tools(value)
    return bool(tools) and all(_is_one(tool) for tool in tools)


def render_tool(value: Record) -> str:
    """One tool; or of several first all names, then each."""
    tools = [_parts(tool) for tool in _tools(value)]
    names = ["tools: " + ", ".join(name for name, _ in tools)] if len(tools) > 1 else []
    return "\n".join([*names, *(line for name, rest in tools for line in (name, *rest))])


def _tools(value: Record) -> list[Mapping[Any, Any]]:
    """The tools in a record, each without what OpenAI and MCP wrap around it."""
    found = value
    if isinstance(value, Mapping):
        listed = value.get("tools", value.get("functions"))
        found = listed if isinstance(listed, list) else [value]
    inner = [_unwrapped(tool) for tool in found]
    return [tool for tool in inner if isinstance(tool, Mapping)] if all(isinstance(t, Mapping) for t in inner) else []


def _unwrapped(tool: Any) -> Any:
    if isinstance(tool, Mapping):
        for key in ("function", "toolSpec"):
            if isinstance(tool.get(key), Mapping):
                return tool[key]
    return tool


def _is_one(tool: Mapping[Any, Any]) -> bool:
    keys = {str(key).lower() for key in tool}
    name = _first(tool, _NAMES)[1]
    if not is_identifier(name):
        return False
    described = any(key in keys for key in _DESCRIPTIONS)
    return described and (len(keys) == 2 or not keys.isdisjoint((*_PARAMETERS, "api_name", "specification")))


def _first(tool: Mapping[Any, Any], names: tuple[str, ...]) -> tuple[Any, Any]:
    """The key and the text of the first of `names` that the tool has, in any case; None and None where it has none."""
    found: dict[str, Any] = {}
    for key, value in tool.items():
        if isinstance(value, str):
            found.setdefault(str(key).lower(), key)
    key = next((found[name] for name in names if name in found), None)
    return key, None if key is None else tool[key]


def _parts(tool: Mapping[Any, Any]) -> tuple[str, list[str]]:
    name_key, name = _first(tool, _NAMES)
    description_key, description = _first(tool, _DESCRIPTIONS)
    return spelled(name), list(_rest(tool, name_key, description_key, description))


def _rest(tool: Mapping[Any, Any], name_key: Any, description_key: Any, description: Any) -> Iterator[str]:
    if isinstance(description, str) and description.strip():
        yield description.strip()
    others: dict[Any, Any] = {}
    schemas: dict[Any, Any] = {}
    for key, value in tool.items():
        kind = str(key).lower()
        if kind in _PARAMETERS or kind in _RESULTS:
            schemas[key] = value
        elif key not in (name_key, description_key) and kind not in _NOISE:
            others[key] = value
    for key in sorted(schemas, key=lambda key: str(key).lower() in _RESULTS):
        lines = list(properties(schemas[key]))
        yield from [f"{key}:", *(f"  {line}" for line in lines)] if lines else []
    yield from lines_of(others)
