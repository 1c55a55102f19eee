"""Redis, where the requests of the limited scenario are counted."""

from __future__ import annotations

import os
import re
import subprocess


def redis(*command: str) -> str:
    """The reply of Redis. With `-e`, because an error would otherwise count as a success."""
    program = ["redis-cli", "-e", "-u", os.environ["TEST_REDIS_URL"]]
    return subprocess.run([*program, *command], check=True, capture_output=True, text=True).stdout


def reset() -> None:
    """Removes the keys of other contenders: two of them may use the same key with different time units."""
    redis("FLUSHALL")
    redis("CONFIG", "RESETSTAT")


def prove(name: str, requests: int) -> None:
    """Fails if answered requests were not counted: most contenders continue without Redis."""
    found = re.search(r"^cmdstat_zadd:calls=(\d+)", redis("INFO", "commandstats"), re.MULTILINE)
    counted = int(found[1]) if found else 0
    if counted < requests:
        raise RuntimeError(f"{name} answered {requests} requests and counted {counted} of them")
