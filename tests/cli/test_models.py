from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from secondpass.backends.choose import choose, torch_installed
from secondpass.cli import models as command
from secondpass.models import catalog
from tests.cli.conftest import Command

PAIR = "cross-encoder/ms-marco-MiniLM-L6-v2"
PROMPT = "Qwen/Qwen3-Reranker-0.6B"
NON_COMMERCIAL = "jinaai/jina-reranker-v2-base-multilingual"
REFUSED = "Qwen/Qwen3-VL-Reranker-2B"
GIB = 2**30


def facts(shown: str) -> dict[str, str]:
    return dict(line.split("\t", 1) for line in shown.splitlines() if "\t" in line)


def test_a_pipe_gets_a_line_for_each_model_and_nothing_is_cut(secondpass: Command) -> None:
    header, *lines = secondpass("models").stdout.splitlines()
    assert header.split("\t")[:2] == ["name", "family"]
    assert [line.split("\t")[0] for line in lines] == [row.name for row in catalog.rows()]


def test_the_embedded_model_comes_first(secondpass: Command) -> None:
    assert secondpass("models").stdout.splitlines()[1].split("\t")[0] in ("bm25", "embedded")


def test_the_list_says_which_models_load(secondpass: Command) -> None:
    header, *lines = (line.split("\t") for line in secondpass("models").stdout.splitlines())
    loads = {line[0]: line[header.index("loads")] for line in lines}
    assert (loads[PAIR], loads[REFUSED], loads["colbert-ir/colbertv2.0"]) == ("yes", "no", "yes")


def test_json_holds_every_fact(secondpass: Command) -> None:
    found = json.loads(secondpass("models", "--json").stdout)["models"]
    assert [row["name"] for row in found] == [row.name for row in catalog.rows()]
    assert {"parameters", "context", "languages", "licence", "scores", "recipe", "loads", "refused"} <= set(found[0])


def test_family_licence_and_instructions_narrow_the_list(secondpass: Command) -> None:
    chosen = catalog.find("Qwen/Qwen3-Reranker-8B")
    options = ("--family", chosen.family, "--licence", chosen.licence, "--instructions", chosen.instructions)
    found = json.loads(secondpass("models", *options, "--json").stdout)["models"]
    assert chosen.name in [row["name"] for row in found]
    assert {(row["family"], row["licence"], row["instructions"]) for row in found} == {
        (chosen.family, chosen.licence, chosen.instructions)
    }


def test_a_family_that_is_not_there_says_which_are(secondpass: Command) -> None:
    ran = secondpass("models", "--family", "none-such")
    assert ran.returncode == 0
    assert "Families: " in ran.stderr
    assert catalog.rows()[0].family in ran.stderr


def test_instructions_that_no_model_can_have_are_refused_with_exit_2(secondpass: Command) -> None:
    ran = secondpass("models", "--instructions", "none-such")
    assert ran.returncode == 2
    assert "none-such" in ran.stderr


def test_the_instructions_offered_are_those_that_the_catalogue_has() -> None:
    assert get_args(command.Instructions) == get_args(catalog.Instructions)


def test_one_model_is_shown_with_its_published_scores(secondpass: Command) -> None:
    row = catalog.find(PAIR)
    lines = secondpass("models", PAIR).stdout.splitlines()
    start = lines.index("benchmark\tmetric\tvalue\tsource") + 1
    shown = [line.split("\t") for line in lines[start : start + len(row.scores)]]
    assert shown == [[s.benchmark, s.metric, f"{s.value:g}", s.source] for s in row.scores]


def test_one_model_is_shown_with_what_loads_it_here(secondpass: Command) -> None:
    shown = facts(secondpass("models", PAIR).stdout)
    assert choose().capabilities.name in shown["backends"]
    assert shown["torch"].startswith("needed without an ONNX file; ")
    assert shown["python"] == f'reranker = secondpass.load("{PAIR}")'
    assert shown["shell"].endswith(f"--model {PAIR}")
    assert shown["weights, fp32"].startswith("87 MiB")


def test_a_line_that_is_shown_can_be_run(secondpass: Command, tmp_path: Path) -> None:
    (tmp_path / "documents.jsonl").write_text('{"text": "dogs bark"}\n', encoding="utf-8")
    told = json.loads(secondpass("models", "bm25", "--json").stdout)["here"]["shell"]
    assert told == 'secondpass rank "your question" documents.jsonl --model bm25'
    assert secondpass("rank", "your question", "documents.jsonl", "--model", "bm25").returncode == 0


def test_a_model_that_does_not_load_says_why_and_has_no_line_to_run(secondpass: Command) -> None:
    shown = facts(secondpass("models", REFUSED).stdout)
    assert shown["loads"] == "no"
    assert shown["why not"] == catalog.find(REFUSED).refused
    assert "python" not in shown
    assert "backends" not in shown


def test_a_licence_that_forbids_commercial_use_is_noticed(secondpass: Command) -> None:
    notice = catalog.licence_notice(catalog.find(NON_COMMERCIAL))
    assert facts(secondpass("models", NON_COMMERCIAL).stdout)["notice"] == notice
    assert "notice" not in facts(secondpass("models", PROMPT).stdout)


def test_what_is_not_known_is_shown_so(secondpass: Command) -> None:
    shown = facts(secondpass("models", "castorini/first_mistral").stdout)
    assert (shown["parameters"], shown["context"]) == ("not known", "not known")
    assert facts(secondpass("models", "bm25").stdout)["context"] == "no limit"


def test_json_of_one_model_holds_the_same(secondpass: Command) -> None:
    found: dict[str, Any] = json.loads(secondpass("models", PROMPT, "--json").stdout)
    assert (found["name"], found["recipe"], found["loads"]) == (PROMPT, "qwen3-reranker", True)
    assert found["scores"][0].keys() == {"benchmark", "metric", "value", "source"}
    assert found["here"]["torch_installed"] is torch_installed()
    assert found["here"]["weights"]["bf16"] == 2 * found["parameters"]


def test_a_name_that_is_nearly_right_is_corrected(secondpass: Command) -> None:
    ran = secondpass("models", "embeded")
    assert ran.returncode == 1
    assert "Did you mean 'embedded'?" in ran.stderr


def test_decoders_are_computed_by_torch_alone() -> None:
    here = command.fit(catalog.find(PROMPT))
    assert here.torch_needed == "yes"
    assert here.backends == (("torch",) if torch_installed() else ())


@pytest.mark.parametrize("name", ["bm25", "embedded"])
def test_built_in_models_need_no_torch(name: str) -> None:
    here = command.fit(catalog.find(name))
    assert here.torch_needed == "no"
    assert "torch" not in here.backends


def test_memory_is_the_containers_where_that_is_less(tmp_path: Path) -> None:
    whole = command.memory(tmp_path)
    limit = tmp_path / "sys" / "fs" / "cgroup" / "memory.max"
    limit.parent.mkdir(parents=True)
    limit.write_text("max\n", encoding="utf-8")
    assert command.memory(tmp_path) == whole
    limit.write_text(f"{GIB // 8}\n", encoding="utf-8")
    assert command.memory(tmp_path) == GIB // 8


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_terminal_of_100_columns_shows_whole_lines(tmp_path: Path) -> None:
    from tests.cli.test_rank import in_terminal

    shown = in_terminal(["models", "--family", "pair"], tmp_path, columns=100).splitlines()
    assert max(len(line.rstrip()) for line in shown) <= 100
    line = next(line.split() for line in shown if line.startswith("BAAI/bge-reranker-v2-m3"))
    assert line == ["BAAI/bge-reranker-v2-m3", "pair", "568M", "Apache-2.0", "joined", "yes"]
