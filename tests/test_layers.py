"""Imports point down the layers only; between neighbours in the same layer there are none."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "secondpass"
PACKAGE = "secondpass"

LAYERS = (
    {"types", "errors"},
    {"text"},
    {"backends"},
    {"models"},
    {"hosted"},
    {"engine"},
    {"ranking"},
    {"evaluation", "training", "retrieval", "conversion"},
    {"cli", "client", "server", "integrations", "distributed"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# Workshops are built from one another: evaluation scores what retrieval found. The command starts the server.
NEIGHBOURS = {
    ("types", "errors"),
    ("evaluation", "retrieval"),
    ("training", "evaluation"),
    ("training", "retrieval"),
    ("cli", "server"),
}


def imports(code: str, module: str, *, is_package: bool) -> Iterator[str]:
    """The full names of what a module imports, at its top, inside functions and for type checkers alike."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(part for part in (base, node.module) if part)
            yield from (f"{source}.{alias.name}" for alias in node.names)


def upward(code: str, module: str, *, is_package: bool = False) -> list[str]:
    """The imports of a module that point up, or across to a neighbour."""
    own = _layer(module)
    if own is None:
        return []
    wrong = []
    for name in imports(code, module, is_package=is_package):
        other = _layer(name) if name.split(".")[0] == PACKAGE else own
        if other is None:
            allowed = LEVEL[own] == len(LAYERS) - 1  # the public face is for the faces alone
        else:
            allowed = other == own or LEVEL[other] < LEVEL[own] or (own, other) in NEIGHBOURS
        if not allowed:
            wrong.append(f"{module} imports {name}")
    return wrong


def _layer(name: str) -> str | None:
    """The part of the package that a dotted name lies in; None for the package itself and its public names."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LEVEL else None


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def test_every_module_belongs_to_a_layer() -> None:
    homeless = {name for name, _ in modules()} - {PACKAGE, f"{PACKAGE}.__main__"}
    assert not [name for name in homeless if _layer(name) is None]


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_module_imports_from_below_only(module: str, path: Path) -> None:
    assert not upward(path.read_text(encoding="utf-8"), module, is_package=path.name == "__init__.py")


@pytest.mark.parametrize(
    ("code", "module"),
    [
        ("from secondpass.ranking.reranker import Reranker", "secondpass.text.chunk"),
        ("import secondpass.models.scorer", "secondpass.backends.onnx"),
        ("from secondpass import models", "secondpass.backends.onnx"),
        ("from secondpass import load", "secondpass.evaluation.run"),
        ("from ..engine import queue", "secondpass.models.pair"),
        ("def later():\n    from secondpass.cli import app", "secondpass.server.run"),
        ("if TYPE_CHECKING:\n    from secondpass.models.scorer import Declared", "secondpass.backends.base"),
    ],
)
def test_an_import_that_points_up_or_across_is_caught(code: str, module: str) -> None:
    assert len(upward(code, module)) == 1


@pytest.mark.parametrize(
    ("code", "module"),
    [
        ("from secondpass.types import Hit", "secondpass.ranking.reranker"),
        ("from ..text.encode import Limits", "secondpass.models.scorer"),
        ("from . import batching", "secondpass.engine.queue"),
        ("import secondpass", "secondpass.cli.rank"),
        ("import numpy as np", "secondpass.types"),
    ],
)
def test_an_import_that_points_down_is_allowed(code: str, module: str) -> None:
    assert not upward(code, module)
