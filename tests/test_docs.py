"""Every block of code that a reader may copy is run; pages that are generated say what the code says."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

INSTALLS = "installs the package"
NETWORK = "needs the network"
CHECKPOINT = "needs a checkpoint"
DOCKER = "needs docker"
NOT_RUN = {
    ("README.md", INSTALLS, "pip install . && secondpass rank"),
    ("README.md", INSTALLS, "pip install -c constraints.txt '.[test]' && pytest"),
    ("CONTRIBUTING.md", INSTALLS, "pip install -c constraints.txt -e '.[test]'"),
    ("convert.md", INSTALLS, "pip install 'secondpass[convert]'"),
    ("convert.md", NETWORK, "secondpass convert BAAI/bge-reranker-v2-m3"),
    ("convert.md", NETWORK, "import secondpass\n\nmade = secondpass.convert("),
    ("datasets.md", NETWORK, "secondpass datasets beir/scifact --fetch"),
    ("hosted.md", INSTALLS, "pip install 'secondpass[hosted]'"),
    ("hosted.md", NETWORK, 'import secondpass\n\nwith secondpass.load("cohere:rerank-v3.5")'),
    ("index.md", INSTALLS, "pip install ."),
    ("mteb.md", INSTALLS, "pip install 'secondpass[mteb]'"),
    ("mteb.md", NETWORK, "import mteb"),
    ("models.md", INSTALLS, "pip install 'secondpass[openvino]'"),
    ("models.md", INSTALLS, "pip install 'secondpass[torch]'"),
    ("serving.md", DOCKER, "SECONDPASS_KEYS=me:a-secret docker compose up"),
    ("serving.md", INSTALLS, "pip install 'secondpass[server]'"),
    ("serving.md", "installs the peer that is compared with", "python -m benchmarks.serve"),
    ("serving.md", "takes ten minutes", "python -m benchmarks.soak"),
    ("quantised.md", INSTALLS, "pip install 'secondpass[quantised,torch]'"),
    ("models.md", CHECKPOINT, 'reranker = secondpass.load("./my-fine-tuned-qwen3"'),
    ("models.md", NETWORK, "secondpass pull cross-encoder/ms-marco-MiniLM-L6-v2"),
}
"""Blocks that a comment above keeps from being run: page, reason, how they begin. `.ci/run` runs the README's."""

_FENCE = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]*?) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its code, its line in the page, and why it is not run, if it is not."""

    language: str
    code: str
    line: int
    reason: str | None


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("code")) + 1
        yield Block(found["language"], found["code"], line, found["reason"])


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as a reader has it: the example files, and the `secondpass` command on the path."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_a_page_runs_from_top_to_bottom(page: Path, reader: Path) -> None:
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.reason is not None:
            continue
        if block.language == "python":
            # Line numbers of the page, so that a failure points into it.
            exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), namespace)
        elif block.language == "sh":
            run_in_shell(block, page, reader)


def run_in_shell(block: Block, page: Path, folder: Path) -> None:
    command = ["sh", "-euc", block.code]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert ran.returncode == 0, f"{page.name}:{block.line}: {ran.stderr}"


def test_every_block_says_what_it_is() -> None:
    languages = {(page.name, block.line): block.language for page in PAGES for block in blocks(page)}
    assert not {place: name for place, name in languages.items() if name not in ("python", "sh", "text")}


def test_the_blocks_that_are_not_run_are_those_on_the_list() -> None:
    found = {
        (page.name, block.reason, block.code) for page in PAGES for block in blocks(page) if block.reason is not None
    }
    assert len(found) == len(NOT_RUN)
    for page, reason, beginning in NOT_RUN:
        assert any(p == page and r == reason and code.startswith(beginning) for p, r, code in found), beginning


def script(name: str) -> ModuleType:
    """A script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_command_line_page_says_what_help_says() -> None:
    assert script("command_line").is_current(), "run python docs/command_line.py"


def test_the_page_of_examples_says_what_the_requests_give() -> None:
    assert script("examples").is_current(), "run python docs/examples.py"


def test_the_page_on_data_says_what_the_table_has() -> None:
    assert script("datasets").is_current(), "run python docs/datasets.py"


def test_the_page_on_quantised_weights_says_what_was_recorded_of_each_format() -> None:
    from secondpass.backends.torch.quantised import FORMATS

    quantised = script("quantised")
    assert quantised.is_current(), "run python docs/quantised.py"
    page = quantised.PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^\| `([\w-]+)` \|", page.partition("| `quant_method` ")[2], re.M) == [
        each.method for each in FORMATS
    ]
    recorded = {row["method"] for row in json.loads(quantised.RESULTS.read_text(encoding="utf-8"))["rows"]}
    assert recorded == {each.method for each in FORMATS}


def test_the_charts_show_what_the_benchmarks_recorded() -> None:
    for name, draw in script("charts").CHARTS.items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == draw(), "run python docs/charts.py"


def test_the_numbers_that_pages_quote_are_those_recorded() -> None:
    rows = json.loads((ROOT / "benchmarks" / "results" / "quality.json").read_text(encoding="utf-8"))["results"]
    means: dict[str, list[float]] = {}
    for row in rows:
        means.setdefault(row["method"], []).append(row["mean"])
    card = (ROOT / "src/secondpass/models/embedded/weights/README.md").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "numbers.md").read_text(encoding="utf-8")
    for method, values in means.items():
        mean = f"{sum(values) / len(values):.4f}".lstrip("0")
        assert mean in page, method
        assert mean in card, method
        assert all(f"{value:.4f}".lstrip("0") in card for value in values), method
    for row in json.loads((ROOT / "benchmarks" / "results" / "engine.json").read_text(encoding="utf-8"))["rows"]:
        assert f"{row['median']:.3f}" in page, row["name"]


def test_every_public_error_is_explained() -> None:
    import secondpass

    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    errors = [name for name in secondpass.__all__ if isinstance(getattr(secondpass, name), type)]
    kinds = [name for name in errors if issubclass(getattr(secondpass, name), secondpass.SecondpassError)]
    assert len(kinds) > 5
    assert not [name for name in kinds if f"`{name}`" not in page]


def test_the_links_of_the_readme_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
