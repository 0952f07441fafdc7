from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Command


def test_a_hub_model_that_is_not_here_needs_the_network_and_says_so(secondpass: Command, tmp_path: Path) -> None:
    ran = secondpass("pull", "owner/no-such-model", HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    assert ran.returncode == 1
    assert "owner/no-such-model" in ran.stderr
    assert "HF_HUB_OFFLINE" in ran.stderr


def test_a_folder_without_weights_is_refused_by_name(secondpass: Command, tmp_path: Path) -> None:
    ran = secondpass("pull", str(tmp_path))
    assert ran.returncode == 1
    assert str(tmp_path) in ran.stderr
