"""PostgreSQL settings that fit this machine, or the container's limits where they are lower."""

import os
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
GIB = 1024 * MIB
SMALL_SHARED_MEMORY = GIB
"""Below this, parallel queries can run out of ``/dev/shm`` (containers often have 64 MB)."""

_MEMORY_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the servers may use: memory in bytes, processor cores, bytes of ``/dev/shm``."""

    memory: int
    cores: int
    shared_memory: int

    @classmethod
    def here(cls) -> "Machine":
        """Measure the machine that this process runs on."""
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        limits = [limit for path in _MEMORY_LIMITS if (limit := _number(path)) is not None]
        return cls(min([physical, *limits]), _cores(), _shared_memory())


def postgres_settings(machine: Machine) -> dict[str, str]:
    """Return the settings that depend on the machine, by name, in PostgreSQL's notation.

    >>> small = postgres_settings(Machine(memory=2 * GIB, cores=2, shared_memory=GIB))
    >>> small["shared_buffers"], small["work_mem"], small["max_parallel_workers_per_gather"]
    ('512MB', '32MB', '1')
    >>> postgres_settings(Machine(memory=64 * GIB, cores=16, shared_memory=GIB))["shared_buffers"]
    '4096MB'
    """
    buffers = _clamp(machine.memory // 4, 128 * MIB, 4 * GIB)
    # The leader works too, so one worker less than cores keeps every core busy and no more.
    helpers = str(_clamp(machine.cores - 1, 1, 4))
    settings = {
        "shared_buffers": _megabytes(buffers),
        "effective_cache_size": _megabytes(max(machine.memory * 5 // 8, buffers)),
        "work_mem": _megabytes(_clamp(machine.memory // 64, 8 * MIB, 64 * MIB)),
        "maintenance_work_mem": _megabytes(_clamp(machine.memory // 16, 64 * MIB, GIB)),
        "max_worker_processes": str(machine.cores + 8),
        "max_parallel_workers": str(machine.cores),
        "max_parallel_workers_per_gather": helpers,
        "max_parallel_maintenance_workers": helpers,
    }
    if machine.shared_memory < SMALL_SHARED_MEMORY:
        settings["dynamic_shared_memory_type"] = "sysv"
    return settings


def _number(path: Path) -> int | None:
    """Read a control group's limit; None where there is none ("max", or no such file)."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _cores() -> int:
    # macOS has no affinity mask.
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = _CPU_LIMIT.read_text().split()
        return max(1, min(usable or 1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return usable or 1


def _shared_memory() -> int:
    """Bytes of ``/dev/shm``; a machine without it (macOS) is not limited by it."""
    try:
        size = os.statvfs("/dev/shm")  # noqa: S108 - measured, nothing is written there
    except OSError:
        return SMALL_SHARED_MEMORY
    return size.f_frsize * size.f_blocks


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def _megabytes(size: int) -> str:
    return f"{size // MIB}MB"
