"""What the kernel says about processes and about this machine."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

#: The commands that print the versions of the peers' runtimes.
PEERS = (("go", "version"), ("node", "--version"))
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """The CPU time of a process and its threads, including ended ones."""
    return ticks(pid, 11) / TICKS_PER_SECOND


def ended_children_seconds(pid: int) -> float:
    """The same for its ended child processes."""
    return ticks(pid, 13) / TICKS_PER_SECOND


def ticks(pid: int, place: int) -> int:
    """Two neighbouring fields of the kernel's account: user and system."""
    # The name of the process, which may have spaces, is in parentheses before.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[place]) + int(fields[place + 1])


def resident_kib(pid: int) -> int:
    """The resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} has no VmRSS")


def version_of(*command: str) -> str:
    """The first line of a program's version output."""
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return text.strip().splitlines()[0]


def describe() -> list[str]:
    """A description of this machine, one line per part."""
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"{len(models)} cores, {models[0]}; {memory:.0f} GiB",
        f"Linux {platform.release()}",
        version_of("rustc", "--version"),
        version_of("oha", "--version"),
        version_of("redis-server", "--version"),
        version_of("psql", "-XtA", "-c", "SELECT version()", os.environ["TEST_POSTGRES_URL"]),
        f"Python {platform.python_version()}",
        # The peers' compilers and runtimes; a run of a few contenders needs none of them.
        *(version_of(*command) for command in PEERS if shutil.which(command[0])),
    ]
