"""Measures this build and a baseline build alternately: the cost of a change."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from . import counting
from .database import prepare
from .load import measure
from .run import asked_of
from .scenarios import Scenario


def run(scenarios: list[Scenario], rounds: int, seconds: float) -> None:
    """Measures both and prints the medians and their ratios."""
    contenders = prepare(["groundwork", "baseline"])
    micros: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(rounds):
        for contender in contenders:
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
                        micros[scenario.name][contender.name].append(result.cpu_micros)
                finally:
                    running.stop()
    print(f"{'µs of a core':15}{'baseline':>12}{'this build':>12}{'ratio':>8}   all rounds")
    for scenario in scenarios:
        now, before = micros[scenario.name]["groundwork"], micros[scenario.name]["baseline"]
        each = ", ".join(f"{b:.0f}/{a:.0f}" for b, a in zip(before, now, strict=True))
        print(f"{scenario.name:15}{median(before):12.1f}{median(now):12.1f}{median(now) / median(before):8.3f}   {each}")
