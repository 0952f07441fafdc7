"""What a reranker costs per million tokens, from a dated table: listed, sold by the search, or by the model's size.

Knows prices and sizes; nothing of traffic or machines. The rule is that of contextual.ai/blog/rerank-v2, footnote 1.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from secondpass.errors import InputError, UnknownModel
from secondpass.hosted import usage
from secondpass.hosted.registry import is_hosted, names, provider_named
from secondpass.hosted.usage import Price
from secondpass.models import catalog

Basis = Literal["list", "search", "size"]
"""Where a price comes from: the provider's list, its list by the search, or the line through models of other sizes."""

_TABLE = Path(__file__).with_name("prices.toml")
_PRICE = frozenset({"provider", "models", "usd", "count", "per", "as_of", "source"})
_ANCHOR = frozenset({"model", "billions", "price"})
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Rule:
    """How prices are made comparable.

    A search is `documents` documents of `tokens` tokens, the query's included; `nvfp4` is the share of BF16's price
    that NVFP4 weights cost; `floor` is the least price by size, in US dollars per million tokens.
    """

    documents: int
    tokens: int
    nvfp4: float
    floor: float


@dataclass(frozen=True, slots=True)
class Anchor:
    """A model of known size, in billions of parameters, and its price in US dollars per million tokens."""

    billions: float
    usd: float
    price: str


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """US dollars per million tokens, and how far they can be trusted.

    `sources`: URL and date of each number that it rests on. `secondary`: whether one of them is not the provider's own
    page. `extrapolated`: whether the model's size lies outside the anchors'.
    """

    usd: float
    basis: Basis
    sources: tuple[tuple[str, str], ...]
    secondary: bool
    extrapolated: bool = False


@dataclass(frozen=True, slots=True)
class PriceTable:
    """`prices` by "provider:model"; `anchors` by size; the rule; `nvfp4`: names of models whose weights are NVFP4."""

    prices: Mapping[str, Price]
    anchors: tuple[Anchor, ...]
    rule: Rule
    nvfp4: frozenset[str]

    def listed(self, name: str) -> Price:
        """The list price of "provider:model". Raises `InputError` where the table has none."""
        if name not in self.prices:
            raise InputError(f"There is no price of {name!r}: give a file with a [[price]] row for it.")
        return self.prices[name]

    def of(self, name: str, *, billions: float | None = None) -> TokenPrice:
        """The price of a hosted model by its "provider:model", of any other by its size.

        The size is the catalogue's unless `billions` of parameters are given. Raises `InputError` where there is
        neither a price nor a size, and `UnknownModel` for a name that is in no table.
        """
        if name in self.prices:
            return self._listed(name)
        if is_hosted(name):
            self.listed(name)  # raises
        return self.by_size(billions or _billions(name), nvfp4=name in self.nvfp4)

    def by_size(self, billions: float, *, nvfp4: bool = False) -> TokenPrice:
        """The price of an open model of this size, on the line through the two nearest anchors."""
        usd, extrapolated = interpolate(self.anchors, billions, floor=self.rule.floor)
        near = [anchor.price for anchor in _nearest(self.anchors, billions)]
        return TokenPrice(
            usd=usd * (self.rule.nvfp4 if nvfp4 else 1),
            basis="size",
            sources=tuple((self.prices[name].source, self.prices[name].as_of) for name in near),
            secondary=any(is_secondary(name, self.prices[name]) for name in near),
            extrapolated=extrapolated,
        )

    def _listed(self, name: str) -> TokenPrice:
        price = self.prices[name]
        return TokenPrice(
            usd=per_million(price, self.rule, name),
            basis="search" if price.per == "search" else "list",
            sources=((price.source, price.as_of),),
            secondary=is_secondary(name, price),
        )


def load(file: Path | None = None) -> PriceTable:
    """The package's own table, with the rows of `file` before it where one is given.

    The file's prices replace those of the same name, its anchors all of ours, and each number of its [rule] ours.
    Raises `InputError` naming the file and what is wrong in it.
    """
    own = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    theirs = {} if file is None else _read(file)
    where = "the package" if file is None else str(file)
    prices = {f"{provider}:{model}": price for (provider, model), price in usage.prices().items()}
    prices |= _prices(own.get("price", ()), str(_TABLE)) | _prices(theirs.get("price", ()), where)
    rule = _rule({**own["rule"], **theirs.get("rule", {})}, where)
    nvfp4 = frozenset([*own["nvfp4"]["models"], *theirs.get("nvfp4", {}).get("models", ())])
    anchors = _anchors(theirs.get("anchor") or own["anchor"], prices, rule, where)
    return PriceTable(prices, anchors, rule, nvfp4)


def interpolate(anchors: Sequence[Anchor], billions: float, *, floor: float) -> tuple[float, bool]:
    """The price of a model of `billions` of parameters on the line through the two nearest anchors, at least `floor`.

    `anchors` are sorted by size, which no two share. Also whether the size lies outside theirs. Raises `InputError` for
    fewer than two anchors and for a size that is not above 0.
    """
    if not 0 < billions < float("inf"):
        raise InputError(f"A model of {billions:g} billion parameters has no price by size: give its size, above 0.")
    low, high = _nearest(anchors, billions)
    share = (billions - low.billions) / (high.billions - low.billions)
    outside = not anchors[0].billions <= billions <= anchors[-1].billions
    return max(floor, low.usd * (1 - share) + high.usd * share), outside


def per_million(price: Price, rule: Rule, name: str = "the model") -> float:
    """US dollars per million tokens of a list price; a search counts as `rule.documents` × `rule.tokens` tokens.

    Raises `InputError` for a price by a unit of the provider's own, which no rule converts.
    """
    each = price.usd / price.count
    if price.per == "token":
        return each * _MILLION
    if price.per == "search":
        return each * _MILLION / (rule.documents * rule.tokens)
    raise InputError(f"{name} is sold by a unit of its own, which has no price per token: give one in a file.")


def is_secondary(name: str, price: Price) -> bool:
    """Whether a price was read elsewhere than on a page of the provider's own domain."""
    provider = name.partition(":")[0]
    base = provider_named(provider).base_url if provider in names() else None
    return base is None or _domain(price.source) != _domain(base)


def _domain(url: str) -> str:
    return ".".join((urlsplit(url).hostname or "").split(".")[-2:])


def _nearest(anchors: Sequence[Anchor], billions: float) -> tuple[Anchor, Anchor]:
    """The two anchors that a size lies between, or the last two on its side."""
    if len(anchors) < 2:
        raise InputError(f"{len(anchors)} anchors give no line: a price by size needs two models of different sizes.")
    pairs = list(pairwise(anchors))
    return next((pair for pair in pairs if billions <= pair[1].billions), pairs[-1])


def _billions(name: str) -> float:
    """A model's size by the catalogue, in billions of parameters."""
    parameters = catalog.find(name).parameters
    if not parameters:
        raise InputError(f"The size of {name!r} is not known: give it in billions of parameters.")
    return parameters / 1e9


def _read(file: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{file} is no file of prices: {error}.") from error
    unknown = set(found) - {"price", "anchor", "rule", "nvfp4"}
    if unknown:
        raise InputError(f"{file} has {', '.join(sorted(unknown))}: it may have price, anchor, rule and nvfp4.")
    return found


def _prices(rows: Sequence[Mapping[str, Any]], where: str) -> dict[str, Price]:
    found: dict[str, Price] = {}
    for row in rows:
        if set(row) != _PRICE:
            raise InputError(
                f"{where}: a [[price]] has {', '.join(sorted(row))}; it needs {', '.join(sorted(_PRICE))}."
            )
        amounts = _is_positive(row["usd"]) and _is_positive(row["count"])
        if not (amounts and row["per"] in ("token", "search", "unit") and isinstance(row["models"], list)):
            raise InputError(
                f"{where}: a [[price]] is {dict(row)}: `usd` and `count` are above 0, `per` is token, search or unit, "
                "and `models` is a list."
            )
        price = Price(row["usd"], row["count"], row["per"], str(row["as_of"]), row["source"])
        found |= {f"{row['provider']}:{model}": price for model in row["models"]}
    return found


def _rule(row: Mapping[str, Any], where: str) -> Rule:
    known = set(Rule.__dataclass_fields__)
    if set(row) != known or not all(_is_positive(value) for value in row.values()):
        raise InputError(f"{where}: [rule] is {dict(row)}: give numbers above 0 for {', '.join(sorted(known))} only.")
    return Rule(**row)


def _anchors(
    rows: Sequence[Mapping[str, Any]], prices: Mapping[str, Price], rule: Rule, where: str
) -> tuple[Anchor, ...]:
    found: dict[float, Anchor] = {}
    for row in rows:
        name, model = str(row.get("price")), row.get("model")
        if set(row) - _ANCHOR or name not in prices or (model is None) == ("billions" not in row):
            raise InputError(
                f"{where}: an [[anchor]] is {dict(row)}: it needs a `price` that is listed, as provider:model, and "
                "either `model`, a name of the catalogue, or `billions` of parameters."
            )
        try:
            size = row["billions"] if model is None else _billions(model)
        except UnknownModel as error:
            raise InputError(f"{where}: {error} Give `billions` in place of `model`.") from error
        if not _is_positive(size) or size in found:
            raise InputError(f"{where}: an [[anchor]] of {size!r} billion parameters: sizes are above 0, and differ.")
        found[size] = Anchor(size, per_million(prices[name], rule, name), name)
    return tuple(found[size] for size in sorted(found))


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < float("inf")
