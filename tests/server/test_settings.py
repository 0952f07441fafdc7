from __future__ import annotations

from pathlib import Path

import pytest

from secondpass.errors import InputError
from secondpass.server.settings import ModelSetting, Settings, lines, read, table

PAGE = Path(__file__).parent.parent.parent / "docs" / "serving.md"


def test_flags_go_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "secondpass.toml"
    path.write_text("[serve]\nport = 1\nthreads = 2\nmax_body_mb = 3\n", encoding="utf-8")
    found = read({"port": 7, "threads": None}, {"SECONDPASS_PORT": "8", "SECONDPASS_THREADS": "9"}, path)
    assert (found.port, found.threads, found.max_body_mb) == (7, 9, 3.0)


def test_models_have_aliases_and_options(tmp_path: Path) -> None:
    path = tmp_path / "secondpass.toml"
    path.write_text('[models]\nfast = "bm25"\n[models.deep]\nname = "org/name"\nprecision = "fp32"\n', encoding="utf-8")
    assert read({}, {}, path).models == (
        ModelSetting("fast", "bm25"),
        ModelSetting("deep", "org/name", {"precision": "fp32"}),
    )
    named = read({"models": ["a=bm25", "cascade(bm25=10, embedded)"]}, {}, path).models
    assert [(model.alias, model.name) for model in named] == [("a", "bm25"), ("cascade(bm25=10, embedded)",) * 2]


@pytest.mark.parametrize(
    ("flags", "environment", "told"),
    [
        ({"threads": 0}, {}, "threads=0"),
        ({"default_model": "x"}, {}, "default_model"),
        ({"models": ["a=bm25", "a=embedded"]}, {}, "alias of two"),
        ({"tls_key": "x"}, {}, "tls_cert"),
        ({}, {"SECONDPASS_PORT": "many"}, "SECONDPASS_PORT"),
        ({}, {"SECONDPASS_TRACING": "maybe"}, "SECONDPASS_TRACING"),
    ],
)
def test_settings_that_cannot_be_are_refused(flags: dict[str, object], environment: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        read(flags, environment)


def test_an_unknown_setting_in_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secondpass.toml"
    path.write_text("[serve]\nprot = 1\n", encoding="utf-8")
    with pytest.raises(InputError, match="'prot'"):
        read({}, {}, path)


def test_every_setting_says_what_it_is() -> None:
    assert all(line.told.endswith(".") for line in lines())
    assert {line.name for line in lines()} == set(Settings.__dataclass_fields__) - {"models"}


def test_the_page_has_the_table_of_settings() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")
