from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import ModelLoadError
from secondpass.models.chat import fill, has_template, read_chat
from secondpass.models.modules import Chat

pytest.importorskip("jinja2", reason="torch is not installed")

PICK = "{{{{ messages | selectattr('role', 'eq', '{}') | map(attribute='content') | first }}}}"
QUERY, DOCUMENT, SYSTEM = (PICK.format(role) for role in ("query", "document", "system"))
SOME_SYSTEM = "{% for m in messages if m.role == 'system' %}{{ m.content }}{% endfor %}"
LOOP = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"


def write(folder: Path, template: str) -> Path:
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8", newline="")
    return folder


def test_a_template_becomes_a_prompt_with_fields(tmp_path: Path) -> None:
    found = read_chat(write(tmp_path, f"<s>{SOME_SYSTEM} Q: {QUERY}\nD: {DOCUMENT}</s>"), Chat())
    assert found.plain == "<s> Q: {query}\nD: {document}</s>"
    assert found.instructed == "<s>{instruction} Q: {query}\nD: {document}</s>"
    assert not found.strip


@pytest.mark.parametrize(
    ("end", "kept"), [("\n", ""), ("\n\n", "\n"), ("\n{{ '' }}", "\n"), ("\n\n\n", "\n\n"), ("", "")]
)
def test_of_newlines_at_the_end_one_is_lost(tmp_path: Path, end: str, kept: str) -> None:
    found = read_chat(write(tmp_path, f"{QUERY} {DOCUMENT} answer:{end}"), Chat())
    assert found.plain == "{query} {document} answer:" + kept


def test_blocks_take_their_lines_newline_and_indentation_along(tmp_path: Path) -> None:
    text = f"a\n    {{% if true %}}\nb\n    {{% endif %}}\n{QUERY} {DOCUMENT}"
    assert read_chat(write(tmp_path, text), Chat()).plain == "a\nb\n{query} {document}"


def test_a_default_in_the_template_is_the_plain_prompts(tmp_path: Path) -> None:
    asked = SYSTEM.replace("first", "first | default('find answers')")
    found = read_chat(write(tmp_path, f"{asked}: {QUERY} {DOCUMENT}"), Chat())
    assert (found.plain, found.instructed) == ("find answers: {query} {document}", "{instruction}: {query} {document}")


@pytest.mark.parametrize("without", [f"{QUERY} {DOCUMENT}", "{{ raise_exception('no system') }}" + LOOP])
def test_a_template_without_a_place_for_instructions_has_no_instructed_prompt(tmp_path: Path, without: str) -> None:
    condition = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    template = without if QUERY in without else condition + LOOP
    assert read_chat(write(tmp_path, template), Chat()).instructed == ""


def test_stripped_texts_are_noted(tmp_path: Path) -> None:
    found = read_chat(write(tmp_path, LOOP.replace("m.content", "m.content | trim")), Chat())
    assert found.strip
    assert found.plain == "<query>{query}<document>{document}"
    assert found.instructed == "<system>{instruction}<query>{query}<document>{document}"


@pytest.mark.parametrize("content", ["structured", ""])
def test_content_may_be_a_list_of_parts(tmp_path: Path, content: str) -> None:
    template = LOOP.replace("m.content", "m.content[0].text")
    assert read_chat(write(tmp_path, template), Chat(content=content)).plain == "<query>{query}<document>{document}"


def test_variables_reach_the_template(tmp_path: Path) -> None:
    template = LOOP + "{% if add_generation_prompt %}!{% endif %}{% if thinking %}?{% endif %}{{ bos_token }}"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"bos_token": {"content": "<s>"}}), encoding="utf-8")
    write(tmp_path, template)
    assert read_chat(tmp_path, Chat()).plain.endswith("{document}<s>")
    arguments = {"add_generation_prompt": True, "thinking": True}
    assert read_chat(tmp_path, Chat(arguments=arguments)).plain.endswith("{document}!?<s>")


def test_the_template_may_lie_in_the_tokenizers_configuration_under_a_name(tmp_path: Path) -> None:
    named = [{"name": "default", "template": LOOP}, {"name": "rerank", "template": f"{DOCUMENT}{QUERY}"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}), encoding="utf-8")
    assert has_template(tmp_path)
    assert read_chat(tmp_path, Chat()).plain == "<query>{query}<document>{document}"
    assert read_chat(tmp_path, Chat(arguments={"chat_template": "rerank"})).plain == "{document}{query}"


def test_no_template_is_refused_with_the_remedy(tmp_path: Path) -> None:
    assert not has_template(tmp_path)
    with pytest.raises(ModelLoadError, match=r"no chat template.*recipe="):
        read_chat(tmp_path, Chat())


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}", "the query does not reach"),
        (QUERY, "the document does not reach"),
        (f"{QUERY}{DOCUMENT}{DOCUMENT}", "more than once"),
        (LOOP.replace("m.content", "m.content | lower"), "the query does not reach"),
        (LOOP.replace("m.content", "m.content | e"), "changes the texts"),
        (LOOP.replace("m.content", "m.content | truncate(80)"), "changes the texts"),
        (f"{QUERY}{{% if messages[1].content %}}{DOCUMENT}{{% else %}}nothing{{% endif %}}", "changes the texts"),
        (f"{QUERY}{DOCUMENT}{{{{ messages[1].content | length }}}}", "changes the texts"),
        (f"{{{{ '{{query}}' }}}}{QUERY}{DOCUMENT}", "has the text {query} itself"),
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{% for m in messages %}", "cannot be read"),
        (f"{{{{ strftime_now('%d') }}}}{QUERY}{DOCUMENT}", "cannot be rendered"),
        (f"{{{{ ''.__class__.__mro__ }}}}{QUERY}{DOCUMENT}", "cannot be rendered"),
    ],
)
def test_what_is_no_plain_template_is_refused_with_the_reason(tmp_path: Path, template: str, reason: str) -> None:
    with pytest.raises(ModelLoadError) as raised:
        read_chat(write(tmp_path, template), Chat(content="flat"))
    assert reason in str(raised.value)
    assert "recipe=" in str(raised.value)


@given(st.text(string.printable), st.text(string.printable + "{query}"))
def test_texts_are_filled_in_once(query: str, document: str) -> None:
    found = fill("a{query}b{document}c", {"query": query, "document": document}, strip=False)
    assert found == f"a{query}b{document}c"
