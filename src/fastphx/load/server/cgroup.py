"""How much CPU a process may have by its control groups (version 2, and the CPU controller of version 1)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class CpuLimit:
    """The tightest limit of a process' groups, and how long they were held back for it until now."""

    cores: float
    throttled_s: float


def cpu_limit(pid: int, proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> CpuLimit | None:
    """The limit of the process *pid*; None where there is none, or none can be read."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return None
    found = []
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if not controllers:
            found += [limit for folder in _folders(groups, path) if (limit := _version_2(folder))]
        elif "cpu" in controllers.split(","):
            for root in (groups / controllers, groups / "cpu"):
                found += [limit for folder in _folders(root, path) if (limit := _version_1(folder))]
    return min(found, key=lambda limit: limit.cores, default=None)


def _folders(root: Path, path: str) -> list[Path]:
    """The group's folder and those above it. In a container the path may lead out of what it sees."""
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")][:MAX_DEPTH]
    return [root.joinpath(*parts[:number]) for number in range(len(parts), -1, -1)]


def _version_2(folder: Path) -> CpuLimit | None:
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    stat = _pairs(folder / "cpu.stat")
    return _limit(quota, period, stat.get("throttled_usec", 0) / 1e6)


def _version_1(folder: Path) -> CpuLimit | None:
    quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
    return _limit(quota, period, _pairs(folder / "cpu.stat").get("throttled_time", 0) / 1e9)


def _limit(quota: str, period: str, throttled_s: float) -> CpuLimit | None:
    try:
        cores = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        # "max", or a file that is not there.
        return None
    return CpuLimit(cores, throttled_s) if cores > 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _pairs(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}
