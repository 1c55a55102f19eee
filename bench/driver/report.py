"""The results as a page and a plot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from . import machine
from .scenarios import SCENARIOS

PAGE = Path("bench/RESULTS.md")
LIMIT, SEED = "limit", "fastapi"

#: CPU time per request: at most so many times the limit's, at least so many times less than FastAPI's.
TARGETS = {"health": (1.5, 20), "users_me": (1.25, 40), "page": (1.3, 30)}
IDLE_MIB, IDLE_LESS = 20, 5
START_MS, START_FASTER = 50, 30
STORM_SHARE, STORM_P99 = 0.95, 3
STACK_MICROS = 5


def cpu(results: dict[str, Any], name: str, scenario: str) -> float | None:
    """The median of the time that a request costs, in microseconds."""
    rounds = results["measured"].get(name, {}).get(scenario)
    return median(turn["cpu_micros"] for turn in rounds) if rounds else None


def write(results: dict[str, Any], output: Path) -> None:
    """Writes the page and the plot."""
    sections = [
        heading(results),
        targets(results),
        compared(results, LIMIT, "Compared with the limit", "CPU time per request as a multiple of the limit's."),
        compared(results, SEED, "Compared with FastAPI", "CPU time per request as a fraction of FastAPI's."),
        times(results),
        details(results),
        rest(results),
        storm(results),
        "![CPU time per request](results/cpu.svg)\n\nThe raw figures are in [results/raw.json](results/raw.json).\n",
    ]
    PAGE.write_text("\n".join(sections))
    plot(results, output / "cpu.svg")


def heading(results: dict[str, Any]) -> str:
    lines = "\n".join(f"- {line}" for line in machine.describe())
    return f"""# Results

Written by `./scripts/bench` on {date.today()}; [README.md](README.md) explains how. Compare ratios of one run: the
absolute figures are this machine's, on this day.

{lines}
- {results["rounds"]} rounds of {results["seconds"]:g} s each, in turns; medians, and the range in brackets
"""


def verdict(reached: bool | None) -> str:
    return {True: "reached", False: "**not reached**", None: "not measured"}[reached]


def targets(results: dict[str, Any]) -> str:
    rows = ["## Targets\n", "| What | Target | Found | |", "|---|---|---|---|"]

    def row(what: str, target: str, found: float | None, text: str, reached: bool) -> None:
        rows.append(f"| {what} | {target} | {text if found is not None else ''} | {verdict(None if found is None else reached)} |")

    for scenario, (most, least) in TARGETS.items():
        own, limit, seed = (cpu(results, name, scenario) for name in ("groundwork", LIMIT, SEED))
        against = own / limit if own and limit else None
        row(f"{scenario}, against the limit", f"≤ {most}", against, f"{against or 0:.2f}", (against or 0) <= most)
        less = seed / own if own and seed else None
        row(f"{scenario}, less than FastAPI", f"≥ {least}×", less, f"{less or 0:.1f}×", (less or 0) >= least)
    own, limit = (cpu(results, name, "health") for name in ("groundwork", LIMIT))
    stack = own - limit if own and limit else None
    row("routing, middleware and log line: health minus the limit's", f"≤ {STACK_MICROS} µs", stack, f"{stack or 0:.1f} µs", (stack or 0) <= STACK_MICROS)
    others = results["others"]
    own = others.get("embedded")
    seed = others.get(SEED)
    if own:
        idle, start = own["idle_kib"] / 1024, median(own["start_ms"])
        row("idle memory, embedded", f"≤ {IDLE_MIB} MiB", idle, f"{idle:.1f} MiB", idle <= IDLE_MIB)
        row("start to the first response", f"≤ {START_MS} ms", start, f"{start:.0f} ms", start <= START_MS)
        if seed:
            less, faster = seed["idle_kib"] / 1024 / idle, median(seed["start_ms"]) / start
            row("idle memory, less than FastAPI", f"≥ {IDLE_LESS}×", less, f"{less:.1f}×", less >= IDLE_LESS)
            row("start, faster than FastAPI", f"≥ {START_FASTER}×", faster, f"{faster:.0f}×", faster >= START_FASTER)
    found = results["storm"]
    share, slower = found["share"], found["storm_p99_ms"] / found["idle_p99_ms"]
    row("logins, as a fraction of what the cores can hash", f"≥ {STORM_SHARE}", share, f"{share:.2f}", share >= STORM_SHARE)
    row("p99 of others while 500 log in", f"≤ {STORM_P99}×", slower, f"{slower:.1f}×", slower <= STORM_P99)
    return "\n".join(rows) + "\n"


#: All rounds of a scenario of one contender; nothing where it was not measured.
Turns = list[dict[str, float]]


def table(results: dict[str, Any], title: str, text: str, cell: Callable[[str, Turns], str]) -> str:
    """A row for each scenario, a column for each contender; without the rows that have nothing in them."""
    names = list(results["measured"])
    rows = [f"## {title}\n", text + "\n", "| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for scenario in SCENARIOS:
        turns = [results["measured"][name].get(scenario.name, []) for name in names]
        cells = [cell(scenario.name, each) if each else "" for each in turns]
        if any(cells):
            rows.append(f"| {scenario.title} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def compared(results: dict[str, Any], base: str, title: str, text: str) -> str:
    """Medians of the same run, divided by those of one contender; nothing where that one does not answer."""

    def cell(scenario: str, turns: Turns) -> str:
        whole = cpu(results, base, scenario)
        return f"{median(turn['cpu_micros'] for turn in turns) / whole:.3g}" if whole else ""

    return table(results, title, text, cell)


def times(results: dict[str, Any]) -> str:
    def cell(_: str, turns: Turns) -> str:
        spent = [turn["cpu_micros"] for turn in turns]
        return f"{median(spent):,.1f} [{min(spent):,.1f}–{max(spent):,.1f}]"

    text = "In microseconds, user and system time together, as accounted by the kernel."
    return table(results, "CPU time per request", text, cell)


def details(results: dict[str, Any]) -> str:
    def cell(_: str, turns: Turns) -> str:
        rate = median(turn["requests"] / turn["seconds"] for turn in turns)
        p50, p99 = (median(turn[key] for turn in turns) for key in ("p50_ms", "p99_ms"))
        return f"{rate:,.0f}; {p50:.2f} / {p99:.2f}"

    text = (
        "The load and the databases share the other core, which is the bottleneck of the fast contenders: compare the CPU times above. Medians of "
        "responses per second; p50 / p99 in milliseconds."
    )
    return table(results, "Responses per second, and latency", text, cell)


def rest(results: dict[str, Any]) -> str:
    rows = [
        "## Start-up and idle memory\n",
        "| | start to the first response, ms | idle, MiB | with 1,000 connections | with 10,000 |",
        "|---|---|---|---|---|",
    ]
    for name, found in results["others"].items():
        connected = [f"{kib / 1024:.1f}" for kib in found["connected_kib"].values()]
        start = f"{median(found['start_ms']):.0f} [{min(found['start_ms']):.0f}–{max(found['start_ms']):.0f}]"
        rows.append(f"| {name} | {start} | {found['idle_kib'] / 1024:.1f} | " + " | ".join(connected) + " |")
    return "\n".join(rows) + "\n"


def storm(results: dict[str, Any]) -> str:
    found = results["storm"]
    return f"""## A storm of logins

500 clients log in at once and wait (`BCRYPT_QUEUE_SIZE=500`), on both cores, while another gets the current user 100
times per second; the load and PostgreSQL share these cores. The statuses of the logins were {found["log_ins"]}, those of the others {found["others"]}.
The others' p99 was {found["idle_p99_ms"]:.2f} ms before and {found["storm_p99_ms"]:.2f} ms during the storm; {found["share"]:.0%} of what both cores can
hash was hashed.
"""


def plot(results: dict[str, Any], path: Path) -> None:
    """Bars on a logarithmic scale: a group for each scenario."""
    import matplotlib

    matplotlib.use("svg")
    # The same figures give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "groundwork"
    from matplotlib import pyplot

    names = list(results["measured"])
    shown = [s for s in SCENARIOS if not s.is_slow and cpu(results, names[0], s.name)]
    figure, axes = pyplot.subplots(figsize=(11, 5))
    width = 0.8 / len(names)
    for place, name in enumerate(names):
        values = [cpu(results, name, scenario.name) for scenario in shown]
        at = [index + place * width for index, value in enumerate(values) if value]
        axes.bar(at, [value for value in values if value], width, label=name)
    axes.set_xticks([index + 0.4 - width / 2 for index in range(len(shown))], [s.name for s in shown])
    axes.set_yscale("log")
    axes.set_ylabel("µs of a core per request")
    axes.legend(ncols=len(names), loc="upper center", fontsize="small")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
