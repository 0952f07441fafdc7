from __future__ import annotations

import json

from secondpass.models import catalog
from tests.cli.conftest import Command


def test_a_pipe_gets_a_line_for_each_model_and_nothing_is_cut(secondpass: Command) -> None:
    header, *lines = secondpass("models").stdout.splitlines()
    assert header.split("\t")[:2] == ["name", "family"]
    assert [line.split("\t")[0] for line in lines] == [row.name for row in catalog.rows()]


def test_the_embedded_model_comes_first(secondpass: Command) -> None:
    assert secondpass("models").stdout.splitlines()[1].split("\t")[0] in ("bm25", "embedded")


def test_json_holds_every_fact(secondpass: Command) -> None:
    found = json.loads(secondpass("models", "--json").stdout)["models"]
    assert [row["name"] for row in found] == [row.name for row in catalog.rows()]
    assert {"parameters", "context", "languages", "licence", "scores"} <= set(found[0])


def test_family_and_licence_narrow_the_list(secondpass: Command) -> None:
    chosen = catalog.rows()[-1]
    found = json.loads(secondpass("models", "--family", chosen.family, "--licence", chosen.licence, "--json").stdout)
    assert chosen.name in [row["name"] for row in found["models"]]
    assert {(row["family"], row["licence"]) for row in found["models"]} == {(chosen.family, chosen.licence)}


def test_a_family_that_is_not_there_says_which_are(secondpass: Command) -> None:
    ran = secondpass("models", "--family", "none-such")
    assert ran.returncode == 0
    assert "Families: " in ran.stderr
    assert catalog.rows()[0].family in ran.stderr


def test_one_model_is_shown_with_its_published_scores(secondpass: Command) -> None:
    scored = next(row for row in catalog.rows() if row.scores)
    shown = secondpass("models", scored.name).stdout
    assert scored.scores[0].source in shown
    assert json.loads(secondpass("models", scored.name, "--json").stdout)["name"] == scored.name


def test_a_name_that_is_nearly_right_is_corrected(secondpass: Command) -> None:
    ran = secondpass("models", "embeded")
    assert ran.returncode == 1
    assert "Did you mean 'embedded'?" in ran.stderr
