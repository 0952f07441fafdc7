from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SKIPPING = "import pytest\ndef test_it():\n    pytest.skip({reason!r})\n"


@pytest.fixture
def register(pytester: pytest.Pytester) -> pytest.Pytester:
    """An empty test folder with this project's conftest and skip list."""
    here = Path(__file__).parent
    for name in ("conftest.py", "allowed_skips.txt"):
        (pytester.path / name).write_text((here / name).read_text(encoding="utf-8"), encoding="utf-8")
    return pytester


def test_a_skip_whose_reason_nobody_agreed_to_fails_the_run(register: pytest.Pytester) -> None:
    register.makepyfile(SKIPPING.format(reason="I did not feel like it"))
    result = register.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["skip not on allowed_skips.txt: *test_it*: I did not feel like it"])


def test_a_module_skipped_while_it_is_collected_fails_the_run(register: pytest.Pytester) -> None:
    register.makepyfile("import pytest\npytest.importorskip('surely_no_such_module')\n" + SKIPPING.format(reason=""))
    result = register.runpytest_subprocess()
    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["skip not on allowed_skips.txt: *could not import 'surely_no_such_module'*"])


def test_a_skip_on_the_list_passes(register: pytest.Pytester) -> None:
    reason = "the data beside the checkout is not here (set SECONDPASS_SHARED)"
    register.makepyfile(SKIPPING.format(reason=reason))
    register.runpytest_subprocess().assert_outcomes(skipped=1)


def test_an_expected_failure_is_no_skip(register: pytest.Pytester) -> None:
    register.makepyfile("import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it():\n    assert False\n")
    assert register.runpytest_subprocess().ret == pytest.ExitCode.OK
