"""Runs the scenarios on an instrumented build: the profile that `scripts/release` builds with."""

from __future__ import annotations

from .contenders import Contender
from .database import prepare
from .load import measure
from .scenarios import SCENARIOS

SECONDS = 2.0


def run() -> None:
    """Every scenario, on both databases, with limits and without."""
    for contender in prepare(["groundwork", "embedded"]):
        for is_limited in (False, True):
            serve(contender, is_limited)


def serve(contender: Contender, is_limited: bool) -> None:
    running = contender.start(is_limited)
    try:
        # Most of a login is the hash, and `prepare` has run some.
        for scenario in (scenario for scenario in SCENARIOS if not scenario.is_slow):
            if scenario.is_limited == is_limited:
                measure(contender, running, scenario, SECONDS)
                print(f"{contender.name}: {scenario.title}", flush=True)
    finally:
        # It writes the profile when it exits.
        running.stop()
