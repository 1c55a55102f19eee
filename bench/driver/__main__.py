"""The command line: `python -m driver [against|growth|jobs|profile|tokens|train]`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from . import against, growth, jobs, memory, profile, run, tokens, train
from .contenders import NAMES
from .scenarios import SCENARIOS


def main() -> int:
    parser = argparse.ArgumentParser(prog="./scripts/bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["run", "against", "growth", "jobs", "profile", "tokens", "train"], default="run")
    parser.add_argument("--contenders", default=",".join(NAMES), help="of these, separated by commas: %(default)s")
    names = ",".join(scenario.name for scenario in SCENARIOS)
    parser.add_argument("--scenarios", default=names, help="of these, separated by commas: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (%(default)s)")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each time (%(default)s)")
    parser.add_argument("--max", type=int, default=10_000_000, help="growth, jobs: rows at the most (%(default)s)")
    parser.add_argument("--jobs", type=int, default=20_000, help="jobs: how many (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("bench/results"), help="where to (%(default)s)")
    arguments = parser.parse_args()
    if os.cpu_count() == 1:
        print("one core is not enough: the load would be measured with the server", file=sys.stderr)
        return 1
    memory.allow_descriptors()
    arguments.output.mkdir(parents=True, exist_ok=True)
    chosen = [scenario for scenario in SCENARIOS if scenario.name in arguments.scenarios.split(",")]
    if arguments.what == "against":
        against.run(chosen, arguments.rounds, arguments.seconds)
    elif arguments.what == "growth":
        growth.run(arguments.max, arguments.output)
    elif arguments.what == "jobs":
        jobs.run(arguments.rounds, arguments.jobs, arguments.max)
    elif arguments.what == "profile":
        profile.run()
    elif arguments.what == "tokens":
        tokens.run(arguments.rounds, arguments.seconds)
    elif arguments.what == "train":
        train.run()
    else:
        run.run(
            contenders=arguments.contenders.split(","),
            scenarios=chosen,
            rounds=arguments.rounds,
            seconds=arguments.seconds,
            output=arguments.output,
        )
    return 0


sys.exit(main())
