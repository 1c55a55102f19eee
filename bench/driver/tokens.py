"""The algorithms that sign tokens, in one build."""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from datetime import date
from pathlib import Path
from statistics import median

from . import machine
from .contenders import Contender
from .database import create_account, server, sql
from .load import CHAINS, measure
from .scenarios import SCENARIOS
from .session import log_in

#: How `openssl genpkey` makes the private key; HS256 has a secret.
KEYS = {"HS256": [], "ES256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "EdDSA": ["-algorithm", "ED25519"]}
#: The first verifies a token, the second one and signs two.
NAMES = ["users_me", "refresh"]
PAGE = Path("bench/TOKENS.md")


def run(rounds: int, seconds: float) -> None:
    """Measures all algorithms alternately, and writes the page."""
    contenders = {algorithm: prepare(algorithm) for algorithm in KEYS}
    scenarios = [scenario for scenario in SCENARIOS if scenario.name in NAMES]
    micros: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(rounds):
        for algorithm, contender in contenders.items():
            running = contender.start()
            try:
                for scenario in scenarios:
                    micros[scenario.title][algorithm].append(measure(contender, running, scenario, seconds).cpu_micros)
            finally:
                running.stop()
    PAGE.write_text(page(micros, rounds))
    print(PAGE.read_text())


def prepare(algorithm: str) -> Contender:
    """A service that signs its tokens like this, with a database and sessions of its own."""
    name = f"bench_{algorithm.lower()}"
    sql("postgres", f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    contender = Contender("groundwork", f"{server()}/{name}")
    if KEYS[algorithm]:
        key = Path(os.environ["RUN_DIR"]) / f"{algorithm}.pem"
        subprocess.run(["openssl", "genpkey", *KEYS[algorithm], "-out", key], check=True, capture_output=True)
        contender.own = {"JWT_ALGORITHM": algorithm, "JWT_PRIVATE_KEY_FILE": str(key)}
    create_account(contender.database_url)
    log_in(contender, CHAINS)
    return contender


def page(micros: dict[str, dict[str, list[float]]], rounds: int) -> str:
    """The results."""
    rows = []
    for title, algorithms in micros.items():
        base = median(algorithms["HS256"])
        for algorithm, each in algorithms.items():
            spread = f"{min(each):.1f} to {max(each):.1f}"
            rows.append(f"| {title} | {algorithm} | {median(each):.1f} | {spread} | {median(each) / base:.2f} |")
    table = "\n".join(rows)
    return f"""# Algorithms for tokens

Written by `./scripts/bench tokens` on {date.today()}: µs of one core per request, {rounds} rounds, in which
the algorithms alternate. It is the service's CPU time only, as in [RESULTS.md](RESULTS.md).

| Request | Algorithm | µs | Range | Ratio to HS256 |
|---|---|---|---|---|
{table}

{chr(10).join(f"- {line}" for line in machine.describe())}
"""
