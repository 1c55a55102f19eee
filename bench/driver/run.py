"""The run: checks everything first, then measures alternately."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import checks, counting, memory, storm
from .contenders import Contender
from .database import prepare
from .load import measure
from .machine import resident_kib
from .report import write
from .scenarios import BEYOND_THE_LIMIT, Scenario

STARTS = 5


def asked_of(contender: Contender, scenarios: list[Scenario], is_limited: bool) -> list[Scenario]:
    """The scenarios that a contender answers."""
    mine = [scenario for scenario in scenarios if scenario.is_limited == is_limited]
    return [s for s in mine if contender.name != "limit" or s.name not in BEYOND_THE_LIMIT]


def check(contenders: list[Contender], scenarios: list[Scenario]) -> None:
    """Verifies that every contender gives the responses of the first."""
    expected: dict[str, checks.Answer] = {}
    for contender in contenders:
        running = contender.start()
        try:
            for scenario in asked_of(contender, scenarios, is_limited=False):
                found = checks.ask(contender, running, scenario)
                wanted = expected.setdefault(scenario.name, found)
                if not checks.can_fail(scenario, wanted):
                    raise RuntimeError(f"a wrong answer to {scenario.name} would not be noticed")
                # It has its own rows, with other instants.
                if contender.name == "embedded":
                    wanted, found = checks.timeless(wanted), checks.timeless(found)
                if problem := checks.difference(contender.name, scenario, wanted, found):
                    raise RuntimeError(problem)
        finally:
            running.stop()
        print(f"{contender.name} answers as it should", flush=True)


def run(contenders: list[str], scenarios: list[Scenario], rounds: int, seconds: float, output: Path) -> None:
    """Measures these, and writes the results."""
    if contenders[0] != "groundwork":
        raise SystemExit("the first contender is the one that the others are compared with: groundwork")
    entered = prepare(contenders)
    for contender in entered:
        contender.build()
    check(entered, scenarios)

    measured: dict[str, dict[str, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    others: dict[str, dict[str, Any]] = defaultdict(lambda: {"start_ms": []})
    for turn in range(rounds):
        for contender in entered:
            for is_limited in (False, True):
                asked = asked_of(contender, scenarios, is_limited)
                if not asked:
                    continue
                if is_limited:
                    counting.reset()
                running = contender.start(is_limited)
                try:
                    for scenario in asked:
                        result = measure(contender, running, scenario, seconds)
                        # The embedded tier counts in process.
                        if is_limited and contender.name != "embedded":
                            counting.prove(contender.name, result.requests)
                        measured[contender.name][scenario.name].append(asdict(result))
                        print(
                            f"{turn + 1}/{rounds} {contender.name:11} {scenario.name:13}"
                            f"{result.cpu_micros:12.1f} µs {result.per_second:10.0f}/s",
                            flush=True,
                        )
                finally:
                    running.stop()
    results = {"rounds": rounds, "seconds": seconds, "measured": measured, "others": others}
    keep(results, output)
    for contender in entered:
        others[contender.name].update(at_rest(contender))
        keep(results, output)
    stormy = storm.run(entered[0])
    results["storm"] = asdict(stormy)
    keep(results, output)
    write(results, output)
    problems = storm.passes(stormy)
    if problems:
        raise SystemExit("the storm of log-ins: " + "; ".join(problems))


def keep(results: dict[str, Any], output: Path) -> None:
    """Saves the intermediate results, so that a later failure loses nothing."""
    (output / "raw.json").write_text(json.dumps(results, indent=1) + "\n")


def at_rest(contender: Contender) -> dict[str, Any]:
    """Measures start-up time and idle memory."""
    starts = []
    for _ in range(STARTS):
        running = contender.start()
        starts.append(running.took * 1e3)
        running.stop()
    running = contender.start()
    try:
        idle = resident_kib(running.pid)
        connected = memory.with_connections(running)
    finally:
        running.stop()
    return {"start_ms": starts, "idle_kib": idle, "connected_kib": connected}
