"""What the parity tests found, and the page that is written of it: docs/parity.md.

Knows families, references and numbers; computes and asserts nothing.
"""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib.metadata import version as installed
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "parity.md"
WRITE = "SECONDPASS_WRITE_PARITY"
SPECIFICATION = "specification"
"""The reference of a family that was compared with our own restatement of its published description alone."""

LARGEST = 1e-4
_COMMAND = f"{WRITE}=1 pytest tests/parity"
_LIBRARIES = ("torch", "transformers", "sentence-transformers", "onnxruntime", "tokenizers")
_COLUMNS = ("family", "checkpoint", "reference", "version", "largest difference", "status")
_HEAD = """# Parity

Each family's logits against the code of its authors, or the library that they name. This page is written by
{command}.

The checkpoints are tiny and have random weights that are far larger than trained ones, so that a wrong head, template
or mask shows. The difference is the largest over all pairs of a test, in the logit, or in the score where the
reference gives no logit; {largest} is the most that the tests allow in fp32. SPLADE's sums go into the
hundreds here, so its difference is told as of a sum of 100. "Restated" means that the reference is a
second writing of the published description by us, and no code of the authors.

Written {day} on {machine}, with {libraries}.
"""
_UNVERIFIED = """
## Unverified families

Their authors' code could not be run here. They are compared with our own restatement of what is published of them, or
with nothing, and say so when they are loaded.
"""


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """What one family's logits were compared with, and on what kind of checkpoint."""

    family: str
    reference: str
    version: str
    checkpoint: str = "tiny"

    @property
    def verified(self) -> bool:
        return self.reference not in ("", SPECIFICATION)


@dataclass(slots=True)
class Parity:
    """The rows of one run of the tests, each with the largest difference that was recorded for it."""

    found: dict[Row, float] = field(default_factory=dict)

    def record(self, family: str, reference: str, version: str, difference: float, *, checkpoint: str = "tiny") -> None:
        """Note that `family` differs by `difference`, absolute, from `reference` at `version`.

        `reference` is a package or an authors' file, with its `version` or commit; `SPECIFICATION` or "" mean that no
        code of the authors was run, and list the family as unverified. `checkpoint`: its shape in a word or two.
        """
        row = Row(family, reference, version, checkpoint)
        self.found[row] = max(float(difference), self.found.get(row, 0.0))

    def page(self, day: date) -> str:
        """The whole page."""
        libraries = ", ".join(f"{name} {installed(name)}" for name in _LIBRARIES)
        head = _HEAD.format(
            command=f"`{_COMMAND}`", largest=f"{LARGEST:g}", day=day, machine=_machine(), libraries=libraries
        )
        rows = [_line(row, difference) for row, difference in sorted(self.found.items())]
        table = [_cells(_COLUMNS), _cells(["---"] * len(_COLUMNS)), *rows]
        doubtful = sorted({row.family for row in self.found} - {row.family for row in self.found if row.verified})
        listed = [f"- {family}" for family in doubtful] or ["None."]
        return head + "\n" + "\n".join(table) + "\n" + _UNVERIFIED + "\n" + "\n".join(listed) + "\n"

    def write(self) -> None:
        """Write docs/parity.md anew, of this run's rows alone."""
        PAGE.write_text(self.page(datetime.now(UTC).date()), encoding="utf-8")


def committed() -> set[tuple[str, str, str]]:
    """Family, reference and version of each row in docs/parity.md."""
    if not PAGE.is_file():
        return set()
    lines = re.findall(r"^\| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    rows = [line.split(" | ") for line in lines[2:]]
    return {(row[0], row[2], row[3]) for row in rows}


def _line(row: Row, difference: float) -> str:
    status = "restated" if not row.verified else "equal" if difference <= LARGEST else "**differs**"
    return _cells([row.family, row.checkpoint, row.reference or "none", row.version, f"{difference:.1e}", status])


def _cells(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, CPU only"
