"""Chat templates as prompts: what a template puts around a query and a document, found out by rendering it once.

Knows Jinja and the roles that sentence-transformers gives to a pair; nothing of tokens and models. A template is
rendered in a sandbox, with the settings that transformers renders it with: block tags take their line's newline along,
and one newline at the template's end is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from secondpass.errors import MissingExtra, ModelLoadError
from secondpass.models.modules import Chat
from secondpass.models.recipe import read_json

FIELDS = ("instruction", "query", "document")
_ROLES = {"instruction": "system", "query": "query", "document": "document"}
_SENTINELS = {field: f"Secondpass{field.title()}Sentinel" for field in FIELDS}
_SPECIAL = re.compile(r"\w+_token")
# Rendered once more with these: what a template drops, trims, escapes or branches on shows in one of them.
_PROBES = (
    {"instruction": "Prefer NEW ones.", "query": "why?", "document": "Because."},
    {
        "instruction": "a",
        "query": " \tWhat <b>is</b> 'it' & \"that\"?\n",
        "document": "\n  One,\n\n two { three } \t\n",
    },
    {"instruction": "x\ny", "query": "", "document": ""},
    {"instruction": "user", "query": "yes", "document": "long " * 400},
)

Render = Callable[[Mapping[str, str]], str]


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """What a template makes of a pair, with the fields {query}, {document} and {instruction} where they are put.

    `instructed` is "" where the template has no place for an instruction. `strip`: the template strips query and
    document.
    """

    plain: str
    instructed: str
    strip: bool


def has_template(folder: Path) -> bool:
    """Whether a checkpoint's tokenizer has a chat template at all."""
    return bool(_templates(folder))


def read_chat(folder: Path, chat: Chat) -> ChatPrompt:
    """What the chat template in `folder` makes of a pair.

    Raises `ModelLoadError` where there is none, or one that does more than to put a pair's texts into their places;
    `MissingExtra` where jinja2 is not installed.
    """
    template = _compiled(folder, _chosen(folder, chat))
    variables = {**_specials(folder), **chat.arguments, "tools": None, "documents": None}
    variables.setdefault("add_generation_prompt", False)
    variables.pop("chat_template", None)
    if variables.pop("continue_final_message", False):
        raise _refused(folder, "continue_final_message is set, which cuts its end off")
    forms = [chat.content] if chat.content else ["flat", "structured"]
    failures = []
    for form in forms:
        render = partial(_render, folder, template, variables, form == "structured")
        try:
            return _read(folder, render)
        except ModelLoadError as error:
            failures.append(error)
    raise failures[0]


def _read(folder: Path, render: Render) -> ChatPrompt:
    plain, strip = _segment(folder, render, ("query", "document"))
    try:
        instructed, stripped = _segment(folder, render, FIELDS)
    except ModelLoadError:
        return ChatPrompt(plain, "", strip)  # it refuses a system message, or drops it
    return ChatPrompt(plain, instructed if stripped == strip else "", strip)


def _segment(folder: Path, render: Render, fields: tuple[str, ...]) -> tuple[str, bool]:
    """The prompt with its fields, and whether query and document are stripped; what every probe gives as well."""
    found = render({field: _SENTINELS[field] for field in fields})
    for field in fields:
        if f"{{{field}}}" in found:
            raise _refused(folder, f"it has the text {{{field}}} itself")
        if found.count(_SENTINELS[field]) < 1:
            raise _refused(folder, f"the {field} does not reach the prompt")
        found = found.replace(_SENTINELS[field], f"{{{field}}}")
    if found.count("{document}") > 1:
        raise _refused(folder, "it has the document more than once")
    probes = [{field: probe[field] for field in fields} for probe in _PROBES]
    rendered = [render(probe) for probe in probes]
    for strip in (False, True):
        if rendered == [fill(found, probe, strip=strip) for probe in probes]:
            return found, strip
    raise _refused(folder, "it changes the texts, or asks in another way for some of them")


def fill(segment: str, fields: Mapping[str, str], *, strip: bool) -> str:
    """`segment` with its fields filled in, in one pass: a text that looks like a field stays as it is."""
    texts = {name: text.strip() if strip and name != "instruction" else text for name, text in fields.items()}
    return re.sub(r"\{(instruction|query|document)\}", lambda found: texts[found[1]], segment)


def _render(
    folder: Path, template: Any, variables: Mapping[str, Any], structured: bool, fields: Mapping[str, str]
) -> str:
    from jinja2 import TemplateError

    def content(text: str) -> Any:
        return [{"type": "text", "text": text}] if structured else text

    messages = [{"role": _ROLES[name], "content": content(fields[name])} for name in FIELDS if name in fields]
    try:
        return str(template.render({**variables, "messages": messages}))
    except (TemplateError, TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise _refused(folder, f"it cannot be rendered: {error}") from error


def _compiled(folder: Path, template: str) -> Any:
    try:
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise MissingExtra("A chat template", "torch") from error

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = raise_exception
    try:
        return environment.from_string(template)
    except TemplateError as error:
        raise _refused(folder, f"it cannot be read: {error}") from error


def _chosen(folder: Path, chat: Chat) -> str:
    """The template that is used: the one that the settings name or give, else the default."""
    there = _templates(folder)
    asked = chat.arguments.get("chat_template")
    if isinstance(asked, str):
        return there.get(asked, asked)
    if "default" in there:
        return there["default"]
    raise ModelLoadError(
        f"{folder} has no chat template, and without the prompt that it was trained with a decoder's score means "
        "nothing. Add its chat_template.jinja, or pass recipe= with the recipe that it follows."
    )


def _templates(folder: Path) -> dict[str, str]:
    """The tokenizer's chat templates by name; a file of its own goes before what its configuration says."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return {"default": file.read_text(encoding="utf-8")}
    kept = read_json(folder / "tokenizer_config.json", optional=True).get("chat_template")
    if isinstance(kept, str):
        return {"default": kept}
    return {str(each["name"]): str(each["template"]) for each in kept or ()}


def _specials(folder: Path) -> dict[str, str]:
    """The special tokens that a template may write by name, such as `bos_token`."""
    found = {}
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        for name, token in read_json(folder / file, optional=True).items():
            text = token.get("content") if isinstance(token, dict) else token
            if _SPECIAL.fullmatch(name) and isinstance(text, str):
                found[name] = text
    return found


def _refused(folder: Path, reason: str) -> ModelLoadError:
    return ModelLoadError(
        f"{folder} has a chat template that cannot carry a query and a document: {reason}. Give it one that writes "
        "what the messages with the roles 'query' and 'document' say, or pass recipe= with the recipe that it follows."
    )
