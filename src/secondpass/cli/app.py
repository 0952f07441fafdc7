"""The `secondpass` command and its exit codes: 0; 2 for input that cannot be used; 1 for the rest.

Knows no subcommand's work. Nothing heavy is imported before a subcommand needs it.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from secondpass import __version__
from secondpass.cli.bench import bench
from secondpass.cli.calibrate import calibrate
from secondpass.cli.choose import choose
from secondpass.cli.convert import convert
from secondpass.cli.cost import cost
from secondpass.cli.datasets import datasets
from secondpass.cli.doctor import doctor
from secondpass.cli.eval import evaluate
from secondpass.cli.models import models
from secondpass.cli.options import TRACEBACK
from secondpass.cli.pull import pull
from secondpass.cli.rank import rank
from secondpass.cli.render import render
from secondpass.cli.serve import serve
from secondpass.errors import InputError, SecondpassError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain help: the same in a terminal, in a pipe and in the docs, and rich is not loaded for it.
    rich_markup_mode=None,
    help="The second pass of search: puts the best of your candidates on top.",
)
for command in (rank, render, serve, bench, models, datasets, pull, convert, calibrate, cost, choose, doctor):
    app.command()(command)
app.command("eval")(evaluate)  # named otherwise in Python, where eval is built in


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"secondpass {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command line; never ends in a traceback unless SECONDPASS_TRACEBACK is set."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A lone surrogate from a document is written as JSON escapes it, and no locale can make output fail.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app(prog_name="secondpass")
    except InputError as error:
        _fail(str(error), 2)
    except (SecondpassError, OSError) as error:
        _fail(str(error), 1)
    except Exception as error:
        # The last edge: a defect ends in a message too, which says how to see more of it.
        if os.environ.get(TRACEBACK):
            raise
        _fail(f"unexpected {type(error).__name__}: {error}. Set {TRACEBACK}=1 to see where it came from.", 1)


def _fail(message: str, code: int) -> None:
    typer.echo(f"secondpass: {message}", err=True)
    raise SystemExit(code)
