"""The cost of a request as the tables grow: it should hardly grow."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from statistics import median

from . import machine
from .contenders import Contender, Running
from .counting import redis
from .database import create_account, server, sql
from .load import WARM_UP, measure
from .scenarios import Scenario
from .session import log_in

DATABASE = "bench_growth"
SIZES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
KEYS = [1_000, 10_000, 100_000, 1_000_000]
SECONDS = 2.0
ROUNDS = 3
INSERTED = 500
PAGE = Path("bench/GROWTH.md")

#: Every hundredth user is inactive.
ACCOUNTS = """
    INSERT INTO users
        (id, email, password_hash, full_name, is_active, is_superuser, is_verified, created_at, updated_at)
    OVERRIDING SYSTEM VALUE
    SELECT n, 'user' || n || '@example.com', '$2b$12$' || repeat('x', 53), 'User ' || n, n % 100 > 0, false, true,
        timestamptz '2026-01-01Z' + n * interval '1 second', timestamptz '2026-01-01Z' + n * interval '1 second'
    FROM generate_series({first}, {last}) AS n ON CONFLICT DO NOTHING
"""
SESSIONS = """
    INSERT INTO sessions (id, user_id, token_hash, generation, ip, created_at, last_used_at, expires_at)
    SELECT decode(md5('session ' || n), 'hex'), n, sha256(n::text::bytea), 0, '192.0.2.1', now(), now(),
        now() + interval '7 days'
    FROM generate_series(2, {last}) AS n
"""

#: By scenario and size: microseconds of each round.
Found = dict[str, dict[int, list[float]]]


#: Lists by their filters, measured with a page in the middle.
EVERYBODY = ""
BY_DATE = "&created_after=2026-01-01T00:00:00Z"


def scenarios(size: int, middle: dict[str, str]) -> list[Scenario]:
    """The requests at this number of users."""
    users = "/api/v1/users?limit=20"
    half = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=size // 2)
    return [
        Scenario("current user", "", "/api/v1/users/me"),
        Scenario("first page", "", users),
        Scenario("page in the middle", "", f"{users}&page_token={middle[EVERYBODY]}"),
        Scenario("created since the middle", "", f"{users}&created_after={half:%Y-%m-%dT%H:%M:%SZ}"),
        Scenario("page in the middle, by date", "", f"{users}{BY_DATE}&page_token={middle[BY_DATE]}"),
        Scenario("by the whole email", "", f"{users}&email=user{size // 2}%40example.com"),
        Scenario("by a prefix of the email that one in a thousand has", "", f"{users}&email=user123"),
        Scenario("inactive users", "", f"{users}&is_active=false"),
        Scenario("superusers, of which there is one", "", f"{users}&is_superuser=true"),
    ]


def run(most: int, output: Path) -> None:
    """Measures at every size up to `most`."""
    sql("postgres", f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE}")
    contender = Contender("groundwork", f"{server()}/{DATABASE}")
    create_account(contender.database_url)
    log_in(contender, 1)
    by_rows: Found = defaultdict(lambda: defaultdict(list))
    by_keys: Found = defaultdict(lambda: defaultdict(list))
    try:
        for size in (size for size in SIZES if size <= most):
            began = time.perf_counter()
            middle = fill(contender, size)
            print(f"{size:,} users and sessions, created in {time.perf_counter() - began:.0f} s", flush=True)
            at_size(contender, size, middle, by_rows)
        limited(contender, by_keys, most)
    finally:
        sql("postgres", f"DROP DATABASE {DATABASE} WITH (FORCE)")
    write(by_rows, by_keys, output)


def fill(contender: Contender, size: int) -> dict[str, str]:
    """Creates this many users, each with a session, and the tokens of pages in the middle. Tokens are signed, so the service
    issues them, while only the users before the middle exist."""
    half = size // 2
    sql(DATABASE, "DELETE FROM users WHERE id > 1", ACCOUNTS.format(first=half, last=half + 40))
    running = contender.start()
    try:
        middle = {query: next_page(contender, running, query) for query in (EVERYBODY, BY_DATE)}
    finally:
        running.stop()
    sql(DATABASE, ACCOUNTS.format(first=2, last=size), SESSIONS.format(last=size), "VACUUM ANALYZE users, sessions")
    return middle


def next_page(contender: Contender, running: Running, query: str) -> str:
    """The token of the page after the first."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{running.port}/api/v1/users?limit=20{query}",
        headers={"Authorization": f"Bearer {contender.access}"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        token: str = json.loads(response.read())["next_page"]
    return token


def at_size(contender: Contender, size: int, middle: dict[str, str], found: Found) -> None:
    """Every scenario at one size."""
    running = contender.start()
    try:
        for _ in range(ROUNDS):
            for scenario in scenarios(size, middle):
                found[scenario.name][size].append(spent(contender, running, scenario))
            found["insertion, by the database alone"][size].append(insertion())
    finally:
        running.stop()
    for name in found:
        print(f"  {name:36} {median(found[name][size]):10.1f} µs", flush=True)


def spent(contender: Contender, running: Running, scenario: Scenario) -> float:
    """Microseconds per request of the service and of PostgreSQL, whose share may grow."""
    before = postgres_seconds()
    result = measure(contender, running, scenario, SECONDS)
    # The database's time includes the warm-up, with the same number of requests per second.
    requests = result.requests * (1 + WARM_UP / SECONDS)
    return result.cpu_micros + (postgres_seconds() - before) / requests * 1e6


def insertion() -> float:
    """Microseconds to insert a user and roll back. A registration would measure little but the password hash."""
    statement = ACCOUNTS.format(first=100_000_001, last=100_000_000 + INSERTED)
    before = postgres_seconds()
    for _ in range(20):
        sql(DATABASE, f"BEGIN; {statement}; ROLLBACK")
    return (postgres_seconds() - before) / (20 * INSERTED) * 1e6


def postgres_seconds() -> float:
    """The CPU time of PostgreSQL, including ended processes."""
    pid = int((Path(os.environ["RUN_DIR"]) / "postgres/data/postmaster.pid").read_text().splitlines()[0])
    total = machine.cpu_seconds(pid) + machine.ended_children_seconds(pid)
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            total += machine.cpu_seconds(int(child))
        except FileNotFoundError:
            continue
    return total


def populate(keys: int) -> None:
    """Creates this many windows of other clients. Without DEBUG POPULATE, which Redis 7 refuses by default."""
    script = "for n = ARGV[1], ARGV[2] do redis.call('ZADD', 'other:' .. string.format('%.0f', n), n, n) end"
    # In portions, because a script blocks all other clients.
    for first in range(1, keys + 1, 10_000):
        redis("EVAL", script, "0", str(first), str(min(first + 9_999, keys)))
    if int(redis("DBSIZE")) < keys:
        raise RuntimeError(f"Redis has fewer than {keys} keys")


def limited(contender: Contender, found: Found, most: int) -> None:
    """A request that is counted in Redis, with more and more other keys."""
    scenario = Scenario("current user, counted in Redis", "", "/api/v1/users/me", is_limited=True)
    running = contender.start(is_limited=True)
    try:
        for keys in (keys for keys in KEYS if keys <= most):
            populate(keys)
            for _ in range(ROUNDS):
                found[scenario.name][keys].append(measure(contender, running, scenario, SECONDS).cpu_micros)
            print(f"{keys:,} keys: {median(found[scenario.name][keys]):.1f} µs", flush=True)
    finally:
        running.stop()


def table(found: Found, of: str) -> str:
    """A row for each scenario, a column for each size."""
    sizes = sorted({size for rounds in found.values() for size in rounds})
    rows = [f"| {of} | " + " | ".join(f"{size:,}" for size in sizes) + " | last ÷ first |", "|---" * (len(sizes) + 2) + "|"]
    for name, rounds in found.items():
        values = [median(rounds[size]) for size in sizes]
        rows.append(f"| {name} | " + " | ".join(f"{value:,.1f}" for value in values) + f" | {values[-1] / values[0]:.2f} |")
    return "\n".join(rows) + "\n"


def write(by_rows: Found, by_keys: Found, output: Path) -> None:
    """Writes the page and the plot."""
    lines = "\n".join(f"- {line}" for line in machine.describe())
    PAGE.write_text(
        f"""# Growth

Written by `./scripts/bench growth` on {date.today()}. Microseconds per request, medians of {ROUNDS} rounds: the CPU time of the
service and, in the first table, of PostgreSQL. There are as many sessions as users. `tests/database/plans.rs` checks the
plans of the statements.

{lines}

{table(by_rows, "users")}
{table(by_keys, "keys in Redis")}
![Time of a request against the number of users](results/growth.svg)
"""
    )
    (output / "growth.json").write_text(json.dumps({"rows": by_rows, "keys": by_keys}, indent=1) + "\n")
    plot(by_rows, output / "growth.svg")


def plot(found: Found, path: Path) -> None:
    """Lines over the number of rows."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "groundwork"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5))
    for name, rounds in found.items():
        sizes = sorted(rounds)
        axes.plot(sizes, [median(rounds[size]) for size in sizes], marker="o", label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("users")
    axes.set_ylabel("µs of a request")
    axes.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
