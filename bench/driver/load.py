"""Generates the load and measures its cost."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Any

from .contenders import Contender, Running
from .machine import cpu_seconds
from .scenarios import Scenario

WARM_UP = 0.7
#: A password hash takes a quarter of a second.
SLOW_SECONDS = 6.0
CHAINS = 8


@dataclass
class Measured:
    """One scenario of one contender, once."""

    requests: int
    seconds: float
    cpu_micros: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


@dataclass
class Report:
    """The latencies that oha measured, in seconds."""

    #: Number of responses per status; 0 stands for a failed connection.
    statuses: dict[int, int]
    p50: float
    p99: float
    total: float

    @classmethod
    def read(cls, report: dict[str, Any]) -> Report:
        statuses = {int(status): count for status, count in report["statusCodeDistribution"].items()}
        if lost := sum(report["errorDistribution"].values()):
            statuses[0] = lost
        percentiles = report["latencyPercentiles"]
        return cls(statuses, percentiles["p50"], percentiles["p99"], report["summary"]["total"])


def measure(contender: Contender, running: Running, scenario: Scenario, seconds: float) -> Measured:
    """Runs the load for this long after a warm-up, and fails on an unexpected status."""
    ask = chain if scenario.is_chain else independent
    if scenario.is_slow:
        seconds = max(seconds, SLOW_SECONDS)
    ask(contender, running, scenario, WARM_UP)
    before, began = cpu_seconds(running.pid), time.perf_counter()
    latencies, requests = ask(contender, running, scenario, seconds)
    took = time.perf_counter() - began
    spent = cpu_seconds(running.pid) - before
    return Measured(requests, took, spent / requests * 1e6, latencies[0] * 1e3, latencies[1] * 1e3)


def oha(
    port: int,
    scenario: Scenario,
    token: str,
    seconds: float | None = None,
    requests: int | None = None,
    connections: int | None = None,
    options: tuple[str, ...] = (),
) -> Report:
    """Runs oha for a duration or for a number of requests."""
    command = ["oha", "--no-tui", "--output-format", "json"]
    if seconds is None:
        command += ["-n", str(requests)]
    else:
        command += ["-z", f"{seconds}s", "--wait-ongoing-requests-after-deadline"]
    command += ["-c", str(connections or scenario.connections), "-m", scenario.method, *options]
    # oha asks for compression by default, which only groundwork has.
    command += ["-H", "Accept-Encoding: identity"]
    if scenario.has_token:
        command += ["-H", f"Authorization: Bearer {token}"]
    if scenario.body is not None:
        command += ["-T", "application/json", "-d", scenario.body]
    command.append(f"http://127.0.0.1:{port}{scenario.path}")
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return Report.read(json.loads(result.stdout))


def independent(
    contender: Contender, running: Running, scenario: Scenario, seconds: float
) -> tuple[tuple[float, float], int]:
    """Independent requests: the median and the 99th percentile in seconds, and their number."""
    report = oha(running.port, scenario, contender.access, seconds)
    if set(report.statuses) != {scenario.status}:
        raise RuntimeError(f"{contender.name}, {scenario.name}: {report.statuses}")
    return (report.p50, report.p99), report.statuses[scenario.status]


def chain(
    contender: Contender, running: Running, scenario: Scenario, seconds: float
) -> tuple[tuple[float, float], int]:
    """The same for requests that need the previous response, as parallel chains. oha cannot pass on a part of a response. This
    is slower than oha, which does not matter, because the server's CPU time is measured."""
    latencies: list[float] = []
    problems: list[BaseException] = []

    def follow(place: int) -> None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
            end = time.perf_counter() + seconds
            while (began := time.perf_counter()) < end:
                body = json.dumps({"refresh_token": contender.refresh[place]})
                connection.request(scenario.method, scenario.path, body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                text = response.read()
                if response.status != scenario.status:
                    raise RuntimeError(f"{contender.name}, {scenario.name}: {response.status} {text!r}")
                contender.refresh[place] = json.loads(text)["refresh_token"]
                latencies.append(time.perf_counter() - began)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=follow, args=(place,)) for place in range(CHAINS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    latencies.sort()
    return (latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]), len(latencies)
