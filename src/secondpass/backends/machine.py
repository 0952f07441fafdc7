"""What this machine can do: cores that may be used, instruction sets, versions of what is installed.

Knows the operating system, nothing of graphs and backends. Reads files and `sysctl`; changes nothing.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ROOT = Path("/")

# What `Machine.instructions` may name: how /proc/cpuinfo spells it → how it is called here.
_X86 = {
    "avx2": "avx2",
    "avx512f": "avx512f",
    "avx_vnni": "avx_vnni",
    "avx512_vnni": "avx512_vnni",
    "avx512_bf16": "avx512_bf16",
    "amx_int8": "amx_int8",
    "amx_bf16": "amx_bf16",
}
_ARM = {"asimddp": "dotprod", "i8mm": "i8mm", "bf16": "bf16", "sve": "sve"}
# The same from macOS: `sysctl` keys that read 1, and the words of machdep.cpu.leaf7_features.
_SYSCTL = {
    "hw.optional.arm.FEAT_DotProd": "dotprod",
    "hw.optional.arm.FEAT_I8MM": "i8mm",
    "hw.optional.arm.FEAT_BF16": "bf16",
    "hw.optional.avx2_0": "avx2",
    "hw.optional.avx512f": "avx512f",
    "hw.optional.avx512vnni": "avx512_vnni",
}
_INT8 = frozenset({"avx_vnni", "avx512_vnni", "amx_int8", "dotprod", "i8mm"})
_BF16 = frozenset({"avx512_bf16", "amx_bf16"})
_X86_NAMES = frozenset({"x86_64", "amd64", "i386", "i686"})
# Several distributions bring the module onnxruntime.
_DISTRIBUTIONS = {
    "numpy": "numpy",
    "tokenizers": "tokenizers",
    "onnxruntime": "onnxruntime",
    "onnxruntime-gpu": "onnxruntime",
    "onnxruntime-openvino": "onnxruntime",
    "onnxruntime-directml": "onnxruntime",
    "openvino": "openvino",
    "torch": "torch",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """The processor. `instructions` are sorted; empty where the system does not tell (Windows).

    `cores`: how many this process may keep busy at once, at least 1.
    """

    system: str
    architecture: str
    processor: str
    cores: int
    instructions: tuple[str, ...]

    @property
    def x86(self) -> bool:
        return self.architecture.lower() in _X86_NAMES

    @property
    def int8(self) -> bool:
        """Whether int8 products are a single instruction, exact and faster than fp32."""
        return not _INT8.isdisjoint(self.instructions)

    @property
    def bf16(self) -> bool:
        """Whether x86 multiplies bf16 in hardware."""
        return not _BF16.isdisjoint(self.instructions)


def machine() -> Machine:
    """This machine. The processor is read once, the cores each time: affinity may change."""
    processor, instructions = _processor(platform.system())
    return Machine(platform.system(), platform.machine(), processor, usable_cores(), instructions)


def usable_cores(root: Path = _ROOT) -> int:
    """Physical cores that the affinity mask and the container's CPU quota leave to this process, at least 1.

    Two hyperthreads of a core share its multipliers, so they count once. `root` is where /proc and /sys lie.
    """
    allowed = _allowed()
    cores = len(allowed) if allowed else os.cpu_count() or 1
    if allowed:
        cores = _physical(root / "proc/cpuinfo", allowed) or cores
    quota = cpu_quota(root)
    return max(1, cores if quota is None else min(cores, int(quota)))


def cpu_quota(root: Path = _ROOT) -> float | None:
    """CPUs' worth of time that the control group (v2, or v1) may use, the least on the way up; None without a limit."""
    mounted = root / "sys/fs/cgroup"
    limits = [limit for folder in _groups(root, mounted) if (limit := _limit(folder)) is not None]
    return min(limits, default=None)


def versions() -> dict[str, str]:
    """Python and what is installed of the libraries that scores come from, by module; nothing is imported."""
    found = {"python": platform.python_version()}
    for distribution, module in _DISTRIBUTIONS.items():
        # Absent is an answer here, not a failure.
        with suppress(importlib.metadata.PackageNotFoundError):
            found.setdefault(module, importlib.metadata.version(distribution))
    return found


@cache
def _processor(system: str) -> tuple[str, tuple[str, ...]]:
    if system == "Linux":
        return read_cpuinfo(_ROOT / "proc/cpuinfo")
    if system == "Darwin":
        return _sysctl()
    return platform.processor(), ()


def read_cpuinfo(path: Path) -> tuple[str, tuple[str, ...]]:
    """The processor's name and instruction sets, of a file like /proc/cpuinfo."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor(), ()
    name, instructions = platform.processor(), set[str]()
    for line in lines:
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "model name":
            name = value
        elif key in ("flags", "Features"):
            known = _X86 if key == "flags" else _ARM
            instructions |= {known[word] for word in value.split() if word in known}
    return name, tuple(sorted(instructions))


def _sysctl() -> tuple[str, tuple[str, ...]]:
    command = ["/usr/sbin/sysctl", "-i", "machdep.cpu.brand_string", *_SYSCTL]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return platform.processor(), ()
    rows = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in told.splitlines())}
    instructions = {name for key, name in _SYSCTL.items() if rows.get(key) == "1"}
    return rows.get("machdep.cpu.brand_string", platform.processor()), tuple(sorted(instructions))


def _allowed() -> frozenset[int]:
    """Logical processors of the affinity mask; empty where the system has none (macOS, Windows)."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset()


def _physical(cpuinfo: Path, allowed: frozenset[int]) -> int:
    """How many physical cores the logical processors `allowed` lie on; 0 where the file does not tell (ARM)."""
    try:
        blocks = cpuinfo.read_text(encoding="utf-8", errors="replace").split("\n\n")
    except OSError:
        return 0
    cores = set()
    for block in blocks:
        rows = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in block.splitlines())}
        if "core id" in rows and int(rows.get("processor", -1)) in allowed:
            cores.add((rows.get("physical id", "0"), rows["core id"]))
    return len(cores)


def _groups(root: Path, mounted: Path) -> Iterator[Path]:
    """Folders of this process's control groups, leaf to root. In a container the leaf's path may not exist: skipped."""
    yield mounted
    yield mounted / "cpu"
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        leaf = Path(name.lstrip("/"))
        for part in (leaf, *leaf.parents):
            yield (mounted / "cpu" if controllers else mounted) / part


def _limit(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        elif (folder / "cpu.cfs_quota_us").is_file():
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="utf-8").strip()
            period = (folder / "cpu.cfs_period_us").read_text(encoding="utf-8").strip()
        else:
            return None
        return None if quota in ("max", "-1") else int(quota) / int(period)
    except (OSError, ValueError):
        # A kernel file that cannot be read or has a form nobody knows is no limit.
        return None
