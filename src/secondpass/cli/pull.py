"""`secondpass pull`: fetch a hub model now, so that it can be used offline later."""

from __future__ import annotations

from typing import Annotated

import typer

from secondpass.cli import options


def pull(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A hub id, such as owner/name.", show_default=False)],
    revision: options.Revision = None,
    precision: options.Precision = "auto",
    recipe: options.Recipe = None,
) -> None:
    """Fetch a model ahead of its use, and show where it lies."""
    from secondpass.models import load

    typer.echo(load.pull(model, revision=revision, precision=precision, recipe=recipe))
