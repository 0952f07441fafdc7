"""How numbers are written in the report. Knows no markup."""

from __future__ import annotations

from secondpass.evaluation.bootstrap import Interval

MINUS = "\u2212"


def value(number: float) -> str:
    """A measure, three decimals."""
    return f"{number:.3f}".replace("-", MINUS)


def signed(number: float) -> str:
    """A difference of measures, with its sign."""
    shown = f"{number:+.3f}"
    return "0.000" if float(shown) == 0 else shown.replace("-", MINUS)


def between(interval: Interval) -> str:
    """The ends of an interval."""
    return f"{value(interval.low)} to {value(interval.high)}"


def share(part: float) -> str:
    """A share of 0 to 1 in per cent."""
    return f"{100 * part:.1f} %"


def milliseconds(number: float) -> str:
    """Three digits, more where there are more before the point."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def dollars(number: float) -> str:
    """US dollars, as many digits as a small price needs."""
    return f"${number:.3g}"
