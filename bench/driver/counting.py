"""Redis, where the requests of the limited scenario are counted."""

from __future__ import annotations

import os
import re
import subprocess


def redis(*command: str) -> str:
    """What Redis answers. With `-e`, because an error would count as a success."""
    program = ["redis-cli", "-e", "-u", os.environ["TEST_REDIS_URL"]]
    return subprocess.run([*program, *command], check=True, capture_output=True, text=True).stdout


def reset() -> None:
    """Nothing is left of another contender: two of them may name a window alike, and tell its time in other units."""
    redis("FLUSHALL")
    redis("CONFIG", "RESETSTAT")


def prove(name: str, requests: int) -> None:
    """Fails where requests were answered that were not counted: without Redis most contenders go on without it."""
    found = re.search(r"^cmdstat_zadd:calls=(\d+)", redis("INFO", "commandstats"), re.MULTILINE)
    counted = int(found[1]) if found else 0
    if counted < requests:
        raise RuntimeError(f"{name} answered {requests} requests and counted {counted} of them")
