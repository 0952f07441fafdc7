"""The page about clients has every client that the table has."""

from __future__ import annotations

from pathlib import Path

from tests.clients.trial import clients

PAGE = Path(__file__).parent.parent.parent / "docs" / "clients.md"


def test_the_page_has_every_client_as_the_table_says_it() -> None:
    rows = [[cell.strip() for cell in line.split("|")] for line in PAGE.read_text(encoding="utf-8").splitlines()]
    told = {row[1]: (row[3].strip("`"), row[5]) for row in rows if len(row) == 9}
    for client in clients():
        pointed, errors = told[client.name]
        assert pointed == client.pointed
        assert all(f"{status} `{kind}`" in errors for status, kind in client.errors.items())
