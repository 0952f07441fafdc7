"""What every test relies on: no network, real data where it is present, and no skip that nobody has agreed to."""

from __future__ import annotations

import os
from pathlib import Path

# Before anything imports the hub's client: it reads these once.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
# Unset, tokenizers decides by itself whether to run in parallel; a value from outside would hide what it decides.
os.environ.pop("TOKENIZERS_PARALLELISM", None)

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # how long an example takes says more of the machine than of it
settings.load_profile("untimed")

TESTS = Path(__file__).parent
ALLOWED_SKIPS = TESTS / "allowed_skips.txt"
SHARED_IS_ABSENT = "the data beside the checkout is not here (set SECONDPASS_SHARED)"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with development data and tokenizers that are not part of the package."""
    path = Path(os.environ.get("SECONDPASS_SHARED", TESTS.parent.parent / "shared"))
    if not (path / "tokenizers").is_dir():
        pytest.skip(SHARED_IS_ABSENT)
    return path


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of example files that the README uses."""
    return TESTS.parent / "examples"


class SkipRegister:
    """Notes every skip, and fails the run if one has a reason that is not on the committed list."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        self._refused: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            if reason not in self._allowed:
                self._refused[report.nodeid] = reason

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._refused and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for name, reason in self._refused.items():
            terminalreporter.write_line(f"skip not on {ALLOWED_SKIPS.name}: {name}: {reason}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("markexpr") == "hub":  # nothing has imported the hub's client yet
        del os.environ["HF_HUB_OFFLINE"]
    lines = ALLOWED_SKIPS.read_text(encoding="utf-8").splitlines()
    allowed = frozenset(line for line in lines if line and not line.startswith("#"))
    config.pluginmanager.register(SkipRegister(allowed), "skip-register")
