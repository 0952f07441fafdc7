"""`secondpass serve`: every option is a row of the server's table of settings."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from secondpass.errors import MissingExtra
from secondpass.server.settings import FILE, lines, read


def serve(**given: Any) -> None:
    """Serve models behind every rerank API that clients speak.

    MODEL is a name as --model of rank takes it, or alias=name. Each option may also be a variable of the environment,
    SECONDPASS_ and its name, or a line of the table [serve] in secondpass.toml; the option goes first, the file last.
    """
    settings = read(given, file=given.pop("config"))
    try:
        from secondpass.server.run import serve as run
    except ModuleNotFoundError as error:
        if str(error.name).startswith("secondpass"):
            raise
        raise MissingExtra("the server", "server") from error
    run(settings)


def _signature() -> inspect.Signature:
    def parameter(name: str, kind: Any, default: Any) -> inspect.Parameter:
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)

    models = Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="What to serve. [default: embedded]"),
    ]
    config = Annotated[
        str | None, typer.Option(metavar="FILE", help=f"Settings in TOML. [default: {FILE}, where there is one]")
    ]
    options = [
        parameter(one.name, Annotated[one.kind | None, typer.Option(help=f"{one.told} [default: {one.shown}]")], None)
        for one in lines()
    ]
    return inspect.Signature([parameter("models", models, None), parameter("config", config, None), *options])


# Typer reads the options from the signature, and this one is made from the table.
serve.__signature__ = _signature()  # type: ignore[attr-defined]
serve.__annotations__ = {one.name: one.annotation for one in _signature().parameters.values()}
