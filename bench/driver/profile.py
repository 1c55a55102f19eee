"""Where the instructions of a request go, by what they belong to: counted by callgrind, so no clock is read."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import time
from collections import Counter
from datetime import date
from pathlib import Path

from . import machine
from .contenders import Contender, free_port, is_ready
from .database import prepare
from .scenarios import SCENARIOS, Scenario

REQUESTS = 200
PAGE = Path("bench/PROFILE.md")
ASKED = ["health", "users_me", "page"]

#: The first match in the name of a function decides; a generic function belongs to its type parameter.
PARTS = [
    ("memory: allocate, free", r"malloc|free$|^free|calloc|realloc|unlink_chunk|alloc::alloc|raw_vec|__rust_(de)?alloc"),
    ("memory: copy, compare", r"^(__)?mem(cpy|move|set|cmp|chr)"),
    ("the log line", r"telemetry::json|telemetry::writer|tracing|sharded_slab|jiff::fmt.*log"),
    ("the token and its check", r"security|jsonwebtoken|aws_lc|sha256|hmac|base64|lru"),
    ("Diesel and the pool", r"diesel|bb8|groundwork::db|groundwork::models"),
    ("the PostgreSQL driver", r"tokio_postgres|postgres_(types|protocol)"),
    ("JSON of the answer", r"serde|zmij|itoa|schemas|jiff|Timestamp"),
    ("routing and handlers", r"poem|radix_tree|groundwork::api::(v1|routes|guards|extract|respond|rules|errors)|services"),
    ("middleware", r"groundwork::api::(middleware|request|limits|forwarded)|groundwork::core"),
    ("HTTP and connections", r"hyper|http::|httparse|groundwork::api::server|bytes::|mio::"),
    ("the runtime", r"tokio|futures|std::sys|parking_lot|epoll|clock_gettime|Timespec"),
]


def exclusive(dump: str) -> Counter[str]:
    """Instructions of each function itself ("Callgrind Format Specification" in Valgrind's manual)."""
    names: dict[str, str] = {}
    spent: Counter[str] = Counter()
    current, is_call = "", False
    for line in dump.splitlines():
        if match := re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line):
            kind, number, name = match.groups()
            if name:
                names[number] = name
            if kind == "fn":
                current = names[number]
        elif line.startswith("calls="):
            is_call = True
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            if not is_call:
                spent[current] += int(line.split()[1])
            is_call = False
    return spent


def by_part(spent: Counter[str]) -> Counter[str]:
    """The same per part of the program."""
    parts: Counter[str] = Counter()
    for function, instructions in spent.items():
        part = next((name for name, pattern in PARTS if re.search(pattern, function)), "the rest")
        parts[part] += instructions
    return parts


def run() -> None:
    """Counts, and writes the page."""
    contender = prepare(["groundwork"])[0]
    folder = Path(os.environ["RUN_DIR"])
    port = free_port()
    environment = {**contender.settings(is_limited=False), "PATH": os.environ["PATH"], "PORT": str(port)}
    program = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder / 'profile'}"]
    process = subprocess.Popen([*program, os.environ["GROUNDWORK_RELEASE_BIN"]], env=environment, stderr=subprocess.DEVNULL)
    found = {}
    try:
        while not is_ready(port):
            time.sleep(0.1)
        for place, scenario in enumerate((s for s in SCENARIOS if s.name in ASKED), start=1):
            ask(contender, port, scenario)
            tell(process.pid, "zero")
            ask(contender, port, scenario)
            tell(process.pid, "dump")
            found[scenario.title] = by_part(exclusive((folder / f"profile.{place}").read_text()))
    finally:
        process.terminate()
        process.wait(60)
    write(found)


def ask(contender: Contender, port: int, scenario: Scenario) -> None:
    """Sends this many sequential requests on one connection."""
    headers = {"Authorization": f"Bearer {contender.access}"} if scenario.has_token else {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(REQUESTS):
        connection.request(scenario.method, scenario.path, headers=headers)
        response = connection.getresponse()
        response.read()
        if response.status != scenario.status:
            raise RuntimeError(f"{scenario.name}: {response.status}")
    connection.close()


def tell(pid: int, what: str) -> None:
    subprocess.run(["vgdb", f"--pid={pid}", what], check=True, capture_output=True)


def write(found: dict[str, Counter[str]]) -> None:
    """A row for each part, the largest of the first query first."""
    titles = list(found)
    order = sorted({part for parts in found.values() for part in parts}, key=lambda part: -found[titles[1]][part])
    rows = ["| | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for part in order:
        cells = []
        for title in titles:
            total = sum(found[title].values())
            cells.append(f"{found[title][part] / REQUESTS:,.0f} ({found[title][part] / total:.0%})")
        rows.append(f"| {part} | " + " | ".join(cells) + " |")
    rows.append("| **all** | " + " | ".join(f"**{sum(found[title].values()) / REQUESTS:,.0f}**" for title in titles) + " |")
    table = "\n".join(rows)
    PAGE.write_text(
        f"""# Where the instructions go

Written by `./scripts/bench profile` on {date.today()}: instructions of a request in the process, as callgrind counts them, each function by
itself. The kernel's part of a request is not in it.

- {machine.version_of("valgrind", "--version")}, {machine.version_of("rustc", "--version")}

{table}
"""
    )
