from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from secondpass import hosted
from secondpass.errors import HostedAPIError, InputError, UnknownModel
from tests.hosted.conftest import KEY
from tests.hosted.server import Server


@pytest.mark.parametrize("name", hosted.names())
def test_a_provider_is_found_under_its_own_name(name: str) -> None:
    provider = hosted.provider_named(name)
    assert provider.name == name
    assert provider.path.startswith("/")
    assert provider.key_variables
    assert provider.limits.documents > 0
    assert provider.base_url is None or provider.base_url.startswith("https://")
    assert provider.needs_key == (provider.base_url is not None) or name == "azure"


def test_the_page_lists_every_provider_as_it_is() -> None:
    lines = (Path(__file__).parents[2] / "docs" / "hosted.md").read_text(encoding="utf-8").split("\n")
    for name in hosted.names():
        provider = hosted.provider_named(name)
        (line,) = [line for line in lines if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
        _, _, key, documents, scores, instructions, _ = [cell.strip() for cell in line.split("|")]
        assert key == (f"`{provider.key_variables[0]}`" if provider.needs_key else "none needed")
        assert documents == f"{provider.limits.documents:,}"
        assert scores == ("in [0, 1]" if provider.scale == "probability" else "raw")
        assert instructions == provider.instructions


def test_the_table_is_sorted() -> None:
    assert list(hosted.names()) == sorted(hosted.names())


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("cohere:rerank-v3.5", True),
        ("tei:http://localhost:8080", True),
        ("cohere", False),
        ("BAAI/bge-reranker-v2-m3", False),
        ("bm25", False),
        ("C:\\models\\mine", False),
        ("unheard-of:model", False),
    ],
)
def test_hosted_names_are_told_apart(name: str, is_one: bool) -> None:
    assert hosted.is_hosted(name) is is_one


@pytest.mark.parametrize(
    ("name", "declared", "path", "model"),
    [
        ("cohere:rerank-v3.5", "cohere:rerank-v3.5", "/v2/rerank", "rerank-v3.5"),
        ("vllm:{url}/BAAI/bge-reranker-v2-m3", "vllm:BAAI/bge-reranker-v2-m3", "/v1/rerank", "BAAI/bge-reranker-v2-m3"),
        ("vllm:{url}", "vllm", "/v1/rerank", None),
        ("tei:{url}", "tei", "/rerank", None),
        ("tei:{url}/below/", "tei", "/below/rerank", None),
        ("secondpass:{url}", "secondpass:embedded", "/v2/rerank", "embedded"),
        ("secondpass:{url}/bm25", "secondpass:bm25", "/v2/rerank", "bm25"),
        ("nvidia:{url}/nvidia/m-1.5", "nvidia:nvidia/m-1.5", "/v1/retrieval/nvidia/m-1_5/reranking", "nvidia/m-1.5"),
    ],
)
def test_a_name_says_which_model_and_where(
    name: str, declared: str, path: str, model: str | None, server: Server
) -> None:
    server.usual = lambda body: {"message": "seen"}
    base = {} if "{url}" in name else {"base_url": server.url}
    scorer = hosted.open(name.format(url=server.url), api_key=KEY, environ={}, **base)
    with pytest.raises(HostedAPIError, match="cannot be used"):
        scorer.score("q", ["a"])
    scorer.close()
    assert scorer.declared.name == declared
    assert server.asked[0].path == path
    assert server.asked[0].body.get("model") == model


def test_an_unknown_provider_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnknownModel, match=r"'acme'.*cohere.*voyage"):
        hosted.open("acme:model")


def test_a_name_without_a_model_is_refused() -> None:
    for name in ("cohere:", "cohere", "cohere:https://proxy.example.org"):
        with pytest.raises(UnknownModel, match="names no model"):
            hosted.open(name, api_key=KEY)


def test_two_urls_are_one_too_many() -> None:
    with pytest.raises(InputError, match="one of them"):
        hosted.open("tei:http://a", base_url="http://b")


@pytest.mark.parametrize(
    "name", ["tei:http://u:hunter2@host", "vllm:http://u:hunter2@host/m", "vllm:http://host/m?k=1"]
)
def test_a_url_with_a_secret_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="secret") as caught:
        hosted.open(name, environ={})
    assert "hunter2" not in str(caught.value)


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_asking_for_names_loads_no_http_client() -> None:
    code = (
        "import sys; from secondpass import hosted; hosted.is_hosted('cohere:x'); hosted.provider_named('tei'); "
        "print('httpx' in sys.modules)"
    )
    assert run(code) == "False\n"


def test_without_httpx_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['httpx'] = None\n"
        "import secondpass\nfrom secondpass import hosted\n"
        "try: hosted.open('tei:http://localhost')\n"
        "except secondpass.MissingExtra as error: print(error)"
    )
    assert "pip install 'secondpass[hosted]'" in run(code)


def test_the_public_names_are_there() -> None:
    assert hosted.__all__ == sorted(hosted.__all__)
    assert all(getattr(hosted, name) is not None for name in hosted.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hosted.nothing  # noqa: B018
