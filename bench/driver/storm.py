"""Five hundred logins at once, and their effect on other requests."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from .contenders import Contender
from .load import Report, oha
from .machine import cpu_seconds
from .scenarios import SCENARIOS

LOG_INS = 500
SECONDS = 15.0
#: The rate of other requests, far below the capacity: their latency is measured, not their number.
OTHERS_PER_SECOND = 100
#: All logins fit into the queue and may wait for the last hash.
SETTINGS = {"BCRYPT_QUEUE_SIZE": str(LOG_INS), "REQUEST_TIMEOUT": "300"}

#: Both cores serve; the load is small.
CORES = "0,1"


@dataclass
class Storm:
    """The results."""

    idle_p99_ms: float
    storm_p99_ms: float
    others: dict[int, int]
    log_ins: dict[int, int]
    #: Hashes per second relative to the maximum of the cores.
    share: float


def hash_seconds(contender: Contender) -> float:
    """The CPU time of one login: the minimum of several."""
    running = contender.start(core="0")
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == "login")
    try:
        best = float("inf")
        for _ in range(3):
            before = cpu_seconds(running.pid)
            report = oha(running.port, scenario, "", 1.0, connections=1)
            best = min(best, (cpu_seconds(running.pid) - before) / report.statuses[200])
        return best
    finally:
        running.stop()


def run(contender: Contender) -> Storm:
    """Measures other requests alone, then during the storm."""
    one = hash_seconds(contender)
    running = contender.start(core=CORES, extra=SETTINGS)
    login = next(scenario for scenario in SCENARIOS if scenario.name == "login")
    me = next(scenario for scenario in SCENARIOS if scenario.name == "users_me")
    slow = ("-q", str(OTHERS_PER_SECOND))
    try:
        oha(running.port, me, contender.access, 1.0, connections=4, options=slow)
        idle = oha(running.port, me, contender.access, SECONDS, connections=4, options=slow)
        seen: list[Report] = []
        storm = threading.Thread(
            target=lambda: seen.append(oha(running.port, login, "", requests=LOG_INS, connections=LOG_INS))
        )
        storm.start()
        time.sleep(1)
        during = oha(running.port, me, contender.access, SECONDS, connections=4, options=slow)
        storm.join()
    finally:
        running.stop()
    took = seen[0].total
    log_ins = seen[0].statuses
    share = log_ins.get(200, 0) / took / (len(CORES.split(",")) / one)
    return Storm(idle.p99 * 1e3, during.p99 * 1e3, during.statuses, log_ins, share)


def passes(storm: Storm) -> list[str]:
    """Fails if other requests fail, or if logins fail in another way than stated."""
    problems = []
    if set(storm.others) != {200}:
        problems.append(f"others saw {storm.others}")
    if not set(storm.log_ins) <= {200, 503}:
        problems.append(f"log-ins saw {storm.log_ins}")
    return problems


