"""One self-contained HTML file of what an evaluation found: tables, charts, and cases to read."""

from secondpass.evaluation.report.page import write_report
from secondpass.evaluation.report.price import known_prices

__all__ = ["known_prices", "write_report"]
