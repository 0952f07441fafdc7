"""`secondpass doctor`: what this machine can do, which backend was chosen, and why."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secondpass import __version__
from secondpass.cli import options, output

if TYPE_CHECKING:
    from secondpass.backends.base import Capabilities
    from secondpass.backends.machine import Machine


def doctor(
    backend: options.Backend = "auto",
    precision: options.Precision = "auto",
    streams: Annotated[
        int | None, typer.Option(min=1, help="Forward passes side by side. [default: one a core]")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what this machine can do, which backend was chosen, and why."""
    from secondpass.backends.choose import choose
    from secondpass.backends.machine import machine, versions

    here, installed = machine(), {"secondpass": __version__, **versions()}
    chosen = choose(backend, precision, streams).capabilities
    if as_json:
        output.write_json(_as_json(here, installed, chosen))
    else:
        output.write_table(("what", "found"), _rows(here, installed, chosen))


def _as_json(here: Machine, installed: dict[str, str], chosen: Capabilities) -> dict[str, Any]:
    return {"machine": asdict(here), "versions": installed, "backend": asdict(chosen)}


def _rows(here: Machine, installed: dict[str, str], chosen: Capabilities) -> list[tuple[str, str]]:
    return [
        ("system", f"{here.system} {here.architecture}"),
        ("processor", here.processor),
        ("cores", str(here.cores)),
        ("instructions", " ".join(here.instructions) or "the system does not tell"),
        *installed.items(),
        ("backend", f"{chosen.name} {chosen.version}"),
        ("precision", chosen.precision),
        ("streams", str(chosen.streams)),
        ("why", chosen.reason),
    ]
