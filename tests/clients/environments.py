"""Makes the environments that clients are installed in, once, below build/; knows nothing of what runs in them.

`python -m tests.clients.environments [NAME...]` makes them beforehand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER = HERE.parent.parent / "build" / "envs" / "clients"
_STAMP = "installed.txt"


@cache
def table() -> dict[str, Any]:
    """clients.toml."""
    return tomllib.loads((HERE / "clients.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Environment:
    """A folder with what was installed in it, for Python's or for Node's scripts."""

    name: str
    requirements: tuple[str, ...]
    is_node: bool

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    def command(self, script: Path) -> list[str]:
        """What runs a script in it."""
        if self.is_node:
            return ["node", str(script)]
        return [str(self.folder / ("Scripts" if os.name == "nt" else "bin") / "python"), str(script)]

    @property
    def variables(self) -> dict[str, str]:
        """What its scripts need in their environment."""
        return {"NODE_PATH": str(self.folder / "node_modules")} if self.is_node else {}

    def make(self) -> None:
        """Install, unless the same was installed before. Raises `subprocess.CalledProcessError`."""
        stamp = self.folder / _STAMP
        wanted = "\n".join(self.requirements)
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.is_node:
            self.folder.mkdir(parents=True)
            command = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(self.folder)]
        else:
            venv.create(self.folder, with_pip=True)
            command = [*self.command(Path("-m")), "pip", "install", "--quiet"]
        subprocess.run([*command, *self.requirements], check=True, cwd=self.folder)
        stamp.write_text(wanted, encoding="utf-8")


def environment(name: str) -> Environment:
    """The environment of that name in clients.toml."""
    row = table()["environments"][name]
    return Environment(name, tuple(row.get("npm", row.get("pip"))), "npm" in row)


if __name__ == "__main__":
    for each in sys.argv[1:] or table()["environments"]:
        environment(each).make()
