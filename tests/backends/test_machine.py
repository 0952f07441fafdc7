"""Cores, quotas, instruction sets and versions, from files as the systems write them and from this machine."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.backends.machine import Machine, cpu_quota, machine, read_cpuinfo, usable_cores, versions

X86 = """processor\t: {n}
model name\t: Some Processor 9000
physical id\t: 0
core id\t\t: {core}
flags\t\t: fpu sse2 avx2 avx512f avx512_vnni avx512_bf16 amx_tile amx_int8 rdpid
"""
ARM = """processor\t: 0
Features\t: fp asimd asimddp i8mm bf16 sve
CPU implementer\t: 0x41
"""


def place(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


def test_instructions_of_an_x86_processor(tmp_path: Path) -> None:
    root = place(tmp_path, {"cpuinfo": X86.format(n=0, core=0)})
    name, instructions = read_cpuinfo(root / "cpuinfo")
    assert name == "Some Processor 9000"
    assert instructions == ("amx_int8", "avx2", "avx512_bf16", "avx512_vnni", "avx512f")


def test_instructions_of_an_arm_processor(tmp_path: Path) -> None:
    root = place(tmp_path, {"cpuinfo": ARM})
    assert read_cpuinfo(root / "cpuinfo")[1] == ("bf16", "dotprod", "i8mm", "sve")


def test_a_machine_without_cpuinfo_has_no_known_instructions(tmp_path: Path) -> None:
    assert read_cpuinfo(tmp_path / "cpuinfo")[1] == ()


@pytest.mark.parametrize(
    ("instructions", "int8", "bf16"),
    [
        ((), False, False),
        (("avx2", "avx512f"), False, False),
        (("avx2", "avx_vnni"), True, False),
        (("avx512_bf16", "avx512_vnni"), True, True),
        (("amx_bf16", "amx_int8"), True, True),
        (("bf16", "dotprod"), True, False),
    ],
)
def test_what_the_instructions_can_do(instructions: tuple[str, ...], int8: bool, bf16: bool) -> None:
    made = Machine("Linux", "x86_64", "", 2, instructions)
    assert (made.int8, made.bf16) == (int8, bf16)


@pytest.mark.parametrize(
    ("architecture", "x86"), [("x86_64", True), ("AMD64", True), ("aarch64", False), ("arm64", False)]
)
def test_x86_is_known_by_all_its_names(architecture: str, x86: bool) -> None:
    assert Machine("", architecture, "", 1, ()).x86 is x86


def test_without_a_control_group_there_is_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"sys/fs/cgroup/cpu.max": "nonsense\n"}, None),
        (
            {
                "proc/self/cgroup": "0::/system.slice/a.service\n",
                "sys/fs/cgroup/system.slice/cpu.max": "100000 100000\n",
                "sys/fs/cgroup/system.slice/a.service/cpu.max": "400000 100000\n",
            },
            1.0,
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/x\n4:cpu,cpuacct:/docker/ab\n",
                "sys/fs/cgroup/cpu/docker/ab/cpu.cfs_quota_us": "250000\n",
                "sys/fs/cgroup/cpu/docker/ab/cpu.cfs_period_us": "100000\n",
            },
            2.5,
        ),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, None),
    ],
    ids=["v2", "v2 unlimited", "v2 unknown form", "v2 nested, the least counts", "v1 nested", "v1 unlimited"],
)
def test_the_quota_of_a_control_group(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    assert cpu_quota(place(tmp_path, files)) == quota


@given(quota=st.integers(1, 10_000_000), period=st.integers(1000, 1_000_000))
def test_a_quota_leaves_at_least_one_core_and_never_adds_any(
    tmp_path_factory: pytest.TempPathFactory, quota: int, period: int
) -> None:
    root = place(tmp_path_factory.mktemp("root"), {"sys/fs/cgroup/cpu.max": f"{quota} {period}\n"})
    assert 1 <= usable_cores(root) <= (os.cpu_count() or 1)
    assert usable_cores(root) <= max(1, quota // period)


@pytest.mark.skipif(sys.platform != "linux", reason="affinity masks are Linux's")
def test_only_cores_of_the_affinity_mask_count() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert machine().cores == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.skipif(sys.platform != "linux", reason="affinity masks are Linux's")
def test_two_hyperthreads_of_a_core_count_once(tmp_path: Path) -> None:
    allowed = sorted(os.sched_getaffinity(0))
    blocks = "\n".join(X86.format(n=processor, core=0) for processor in allowed)
    assert usable_cores(place(tmp_path, {"proc/cpuinfo": blocks})) == 1
    blocks = "\n".join(X86.format(n=processor, core=processor) for processor in allowed)
    assert usable_cores(place(tmp_path, {"proc/cpuinfo": blocks})) == len(allowed)


def test_this_machine_is_described() -> None:
    here = machine()
    assert here.system == platform.system()
    assert here.architecture == platform.machine()
    assert 1 <= here.cores <= (os.cpu_count() or 1)
    assert list(here.instructions) == sorted(set(here.instructions))


def test_versions_of_what_is_installed_and_of_nothing_else() -> None:
    told = versions()
    assert told["python"] == platform.python_version()
    assert told["numpy"][0].isdigit()
    assert told["onnxruntime"][0].isdigit()
    assert all(told.values())
