from __future__ import annotations

import subprocess
import sys

import pytest

import secondpass
from secondpass import errors

HEAVY = ("huggingface_hub", "numpy", "onnxruntime", "openvino", "rich", "tokenizers", "torch", "transformers", "typer")


def loaded_by(code: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter holds after running `code`."""
    report = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", f"{code}\n{report}"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_the_public_names_are_sorted() -> None:
    assert secondpass.__all__ == sorted(secondpass.__all__)


@pytest.mark.parametrize("name", secondpass.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(secondpass, name) is not None
    assert name in dir(secondpass)


def test_every_error_is_public() -> None:
    tree = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert tree <= set(secondpass.__all__)


def test_a_name_that_is_not_public_is_refused_by_name() -> None:
    with pytest.raises(AttributeError, match="module 'secondpass' has no attribute 'rerank'"):
        secondpass.rerank  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_by("import secondpass").intersection(HEAVY)


def test_importing_the_errors_and_types_loads_nothing_heavy() -> None:
    assert not loaded_by("import secondpass; secondpass.InputError; secondpass.Document").intersection(HEAVY)


@pytest.mark.parametrize("name", ["embedded", "bm25l", "hybrid(bm25, embedded)"])
def test_what_runs_here_loads_no_http_client(name: str) -> None:
    loaded = loaded_by(f"import secondpass; secondpass.load({name!r}).rank('a cat', ['cats purr', 'dogs bark'])")
    assert "numpy" in loaded
    assert not loaded.intersection({"httpx", "huggingface_hub"})


def test_a_type_checker_sees_every_public_name() -> None:
    """The names under TYPE_CHECKING, which mypy reads, and the ones that resolve lazily are the same."""
    import ast
    import inspect

    tree = ast.parse(inspect.getsource(secondpass))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(secondpass.__all__) - {"__version__"}
