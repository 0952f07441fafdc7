"""`secondpass cost`: what rerankers cost a month, hosted or on a machine of one's own, and where the two meet."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from secondpass.cli import options, output
from secondpass.errors import InputError

if TYPE_CHECKING:
    from secondpass.evaluation.cost import Machine, Traffic
    from secondpass.evaluation.measured import Measured
    from secondpass.evaluation.prices import PriceTable, TokenPrice

DOCUMENTS, TOKENS = 100, 500
_OWN = "your machine"
_MEASURED = ("model", "tokens/s", "$/M tokens", "documents", "tokens", "queries a day", "machines", "$/month")
_PRICE = ("name", "$/M tokens", "basis", "$/month")
_COMPARED = ("break-even q/day", "pays back in days")
_SOURCE = ("as of", "source")
_BASES = {"list": "list price", "search": "per search", "size": "by size"}


def cost(
    name: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="A hosted model as provider:model, or any model of the catalogue. [default: all with a price]",
            show_default=False,
        ),
    ] = None,
    queries_per_day: Annotated[float, typer.Option(help="Queries a day.")] = 10_000,
    documents: Annotated[
        int | None, typer.Option(help="Documents a query. [default: 100, or as in --result]", show_default=False)
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(
            help="Tokens of a document together with the query. [default: 500, or as in --result]", show_default=False
        ),
    ] = None,
    result: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="What `secondpass eval` wrote: its models on its machine, at --hourly-rate.",
            show_default=False,
        ),
    ] = None,
    hourly_rate: Annotated[
        float | None, typer.Option(help="What a machine of your own costs an hour, in US dollars.", show_default=False)
    ] = None,
    tokens_per_second: Annotated[
        float | None, typer.Option(help="How many tokens a second it reads, as you measured.", show_default=False)
    ] = None,
    peak: Annotated[float, typer.Option(help="The busiest hour's traffic as a multiple of the mean.")] = 1.0,
    setup: Annotated[float, typer.Option(help="What your own machine costs once, in US dollars.")] = 0.0,
    billions: Annotated[
        float | None,
        typer.Option(help="The size of a model that is not in the catalogue, in 1e9 parameters.", show_default=False),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="A TOML file of your own prices; they go first.", show_default=False)
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Estimate what rerankers cost, and from how much traffic on a machine of your own is cheaper.

    Prices are list prices with a date and a source. A model without one is priced by its size.
    """
    from secondpass.evaluation.cost import Traffic
    from secondpass.evaluation.prices import load

    if result is not None:
        if hourly_rate is None or tokens_per_second is not None:
            raise InputError("--result has the tokens a second of its models: give --hourly-rate, and only that.")
        models = own_models(result, queries_per_day, (documents, tokens), hourly_rate, peak)
        _write_measured(models, name, load(prices), setup, billions, as_json=as_json)
        return
    counts = DOCUMENTS if documents is None else documents, TOKENS if tokens is None else tokens
    traffic = Traffic(queries_per_day, *counts)
    machine = _machine(hourly_rate, tokens_per_second, peak)
    if machine is None and (setup or peak != 1):
        raise InputError("--setup and --peak are of a machine: give --hourly-rate and --tokens-per-second as well.")
    table = load(prices)
    rows = [_hosted(each, table, traffic, machine, setup, billions) for each in name or table.prices]
    if as_json:
        own = None if machine is None else {**_own(machine, traffic), "setup": setup}
        output.write_json({"traffic": asdict(traffic), "own": own, "hosted": [asdict(row) for row in rows]})
    else:
        _write(rows, traffic, machine)


@dataclass(frozen=True, slots=True)
class Row:
    """What one hosted model costs, in US dollars.

    `break_even`: from how many queries a day on one's own machine is no dearer, None where it never is or no machine
    was given; `payback_days`: after how long its setup is saved at this traffic, likewise.
    """

    name: str
    price: TokenPrice
    per_query: float
    per_month: float
    break_even: float | None
    payback_days: float | None


def _machine(hourly_rate: float | None, tokens_per_second: float | None, peak: float) -> Machine | None:
    from secondpass.evaluation.cost import Machine

    if hourly_rate is None and tokens_per_second is None:
        return None
    if hourly_rate is None or tokens_per_second is None:
        raise InputError("--hourly-rate and --tokens-per-second describe one machine: give both, or neither.")
    return Machine(hourly_rate, tokens_per_second, peak)


def _hosted(
    name: str, table: PriceTable, traffic: Traffic, machine: Machine | None, setup: float, billions: float | None
) -> Row:
    from secondpass.evaluation import cost as sums

    price = table.of(name, billions=billions)
    if price.basis == "size":
        each = price.usd * traffic.tokens_per_query / 1e6
    else:
        each = sums.per_query(table.listed(name), traffic, table.rule)
    month = sums.per_month(each, traffic)
    if machine is None:
        return Row(name, price, each, month, None, None)
    even = sums.break_even(each, machine, traffic.tokens_per_query)
    return Row(name, price, each, month, even, sums.payback_days(setup, month, machine.per_month(traffic)))


@dataclass(frozen=True, slots=True)
class OwnModel:
    """A model of an evaluation on the machine that it ran on, and the traffic that it is asked to take."""

    measured: Measured
    machine: Machine
    traffic: Traffic


def own_models(
    result: Path, queries_per_day: float, counts: tuple[int | None, int | None], usd_per_hour: float, peak: float
) -> list[OwnModel]:
    """The models of a result; `counts` are documents and tokens, None for those that were measured."""
    from secondpass.evaluation.cost import Machine, Traffic
    from secondpass.evaluation.measured import measured
    from secondpass.evaluation.store import read_result

    documents, tokens = counts
    return [
        OwnModel(
            one,
            Machine(usd_per_hour, one.tokens_per_second, peak),
            Traffic(
                queries_per_day,
                round(one.documents) if documents is None else documents,
                max(1, round(one.tokens)) if tokens is None else tokens,
            ),
        )
        for one in measured(read_result(result))
    ]


def _write_measured(
    own: Sequence[OwnModel],
    names: Sequence[str] | None,
    table: PriceTable,
    setup: float,
    billions: float | None,
    *,
    as_json: bool,
) -> None:
    """The models themselves, and then each hosted one against each of them."""
    hosted = {
        name: [_hosted(name, table, one.traffic, one.machine, setup, billions) for one in own]
        for name in names or table.prices
    }
    if as_json:
        told = [{**asdict(one), **_own(one.machine, one.traffic)} for one in own]
        output.write_json({"own": told, "hosted": {name: [asdict(r) for r in rows] for name, rows in hosted.items()}})
        return
    quality = own[0].measured.measure
    output.write_table([*_MEASURED[:1], quality, *_MEASURED[1:]], [_measured_row(one) for one in own])
    heads = [f"{word} {one.measured.model}" for one in own for word in ("$/month for", "break-even q/day with")]
    lines = [
        [name, f"{rows[0].price.usd:.4f}", *(cell for row in rows for cell in (f"{row.per_month:.2f}", _even(row)))]
        for name, rows in hosted.items()
    ]
    output.write_table(["hosted", "$/M tokens", *heads], lines)
    output.note(
        f"{own[0].traffic.queries_per_day:g} queries a day of the documents and tokens in the first table; a month is "
        "30 days; one query after the other, so that a server with batches does better"
    )


def _measured_row(one: OwnModel) -> list[object]:
    most = one.machine.queries_per_day(one.traffic.tokens_per_query)
    return [
        one.measured.model,
        f"{one.measured.quality:.4f}",
        f"{one.measured.tokens_per_second:.0f}",
        f"{one.machine.usd_per_million:.4f}",
        one.traffic.documents,
        one.traffic.tokens,
        f"{most:.0f}",
        one.machine.needed(one.traffic),
        f"{one.machine.per_month(one.traffic):.2f}",
    ]


def _own(machine: Machine, traffic: Traffic) -> dict[str, Any]:
    return {
        **asdict(machine),
        "usd_per_million": machine.usd_per_million,
        "machines": machine.needed(traffic),
        "per_month": machine.per_month(traffic),
    }


def _write(rows: list[Row], traffic: Traffic, machine: Machine | None) -> None:
    if machine is None:
        lines = [[*_price(row), *_source(row)] for row in rows]
    else:
        lines = [[*_price(row), *_compared(row), *_source(row)] for row in rows]
        own = _own(machine, traffic)
        price = [_OWN, f"{own['usd_per_million']:.4f}", f"{own['machines']} rented all day", f"{own['per_month']:.2f}"]
        lines.append([*price, None, None, None, None])
    output.write_table([*_PRICE, *(() if machine is None else _COMPARED), *_SOURCE], lines)
    output.note(
        f"{traffic.queries_per_day:g} queries a day of {traffic.documents} documents of {traffic.tokens} tokens; a "
        "month is 30 days; list prices without discounts"
    )
    if any(row.price.extrapolated for row in rows):
        output.note("extrapolated: the model is smaller or larger than all whose price by size is known")


def _price(row: Row) -> list[object]:
    basis = _BASES[row.price.basis] + (", extrapolated" if row.price.extrapolated else "")
    return [row.name, f"{row.price.usd:.4f}", basis, f"{row.per_month:.2f}"]


def _compared(row: Row) -> list[object]:
    return [_even(row), "never" if row.payback_days is None else f"{row.payback_days:.1f}"]


def _even(row: Row) -> str:
    return "never" if row.break_even is None else f"{row.break_even:.0f}"


def _source(row: Row) -> list[object]:
    dates = sorted({date for _, date in row.price.sources})
    short = sys.stdout.isatty()  # a terminal gets what fits it, a pipe the whole address
    urls = " ".join(str(urlsplit(url).hostname or url) if short else url for url, _ in row.price.sources)
    return [" ".join(dates), f"secondary: {urls}" if row.price.secondary else urls]
