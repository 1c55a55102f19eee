"""Background jobs: the crate beside its peers and beside the least that a queue can cost."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

from . import machine
from .database import server, sql

#: Each is a program: `setup`, `enqueue COUNT CONCURRENCY` and `run COUNT CONCURRENCY`.
PROGRAMS = {
    "limit": "bench/jobs/limit/target/release/limit-jobs",
    "groundwork": os.environ.get("GROUNDWORK_JOBS_BIN", ""),
    "apalis": "bench/jobs/apalis/target/release/apalis-jobs",
    "river": "bench/jobs/river/bin/jobs",
}
PHASES = ("enqueue", "run")
CONCURRENCY = {"enqueue": 16, "run": 64}
QUEUED = [1_000, 10_000, 100_000, 1_000_000]
DONE = [1_000_000, 10_000_000]
DATABASE = "bench_jobs"
PAGE = Path("bench/JOBS.md")

#: Jobs as the crate writes them: due in the past, in the order of their numbers.
FILL_QUEUED = """
    INSERT INTO jobs (kind, payload, status, priority, attempts, max_attempts, run_at, created_at)
    SELECT 'nothing', '{{"number":' || n || '}}', 'queued', 1, 0, 20, at, at
    FROM generate_series(1, {count}) AS n, LATERAL (SELECT timestamptz '2026-01-01Z' + n * interval '1 ms' AS at) AS _
"""
FILL_DONE = """
    INSERT INTO jobs (kind, payload, status, priority, attempts, max_attempts, run_at, created_at, finished_at)
    SELECT 'nothing', '{{"number":' || n || '}}', 'done', 1, 1, 20, at, at, at
    FROM generate_series(1, {count}) AS n, LATERAL (SELECT timestamptz '2026-01-01Z' + n * interval '1 ms' AS at) AS _
"""


@dataclass(frozen=True)
class Phase:
    """What the jobs of one phase took."""

    jobs: int
    seconds: float
    #: CPU time of the program and of PostgreSQL.
    cpu: float

    @property
    def per_core(self) -> float:
        """Jobs per second of CPU time."""
        return self.jobs / self.cpu


#: By what is compared and phase: that of each round.
Found = dict[str, dict[str, list[Phase]]]


def run(rounds: int, count: int, most: int) -> None:
    """Measures all programs alternately, and the crate against the size of its table, and writes the page."""
    programs = found(PROGRAMS)
    for _ in range(rounds):
        for name in PROGRAMS:
            with database(name) as url:
                measure(programs[name], PROGRAMS[name], url, count)
    queued = found(f"{size:,} queued" for size in QUEUED if size <= most)
    done = found(f"{size:,} done" for size in DONE if size <= most)
    for _ in range(rounds):
        for size, at_size in zip(QUEUED, queued.values()):
            with database("groundwork") as url:
                sql(DATABASE, FILL_QUEUED.format(count=size))
                measure(at_size, PROGRAMS["groundwork"], url, count)
    # Ten million rows are written once.
    for size, at_size in zip(DONE, done.values()):
        with database("groundwork") as url:
            sql(DATABASE, FILL_DONE.format(count=size))
            for _ in range(rounds):
                measure(at_size, PROGRAMS["groundwork"], url, count)
    PAGE.write_text(page(programs, queued | done, rounds, count))
    print(PAGE.read_text())


def found(names: Iterator[str] | dict[str, str]) -> Found:
    """Nothing yet."""
    return {name: {phase: [] for phase in PHASES} for name in names}


@contextmanager
def database(name: str) -> Iterator[str]:
    """A database with the tables of a program."""
    sql("postgres", f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE}")
    url = f"{server()}/{DATABASE}"
    call(PROGRAMS[name], url, "setup")
    try:
        yield url
    finally:
        sql("postgres", f"DROP DATABASE {DATABASE} WITH (FORCE)")


def measure(phases: dict[str, list[Phase]], program: str, url: str, count: int) -> None:
    """Enqueues jobs and runs as many. VACUUM and the checkpoint before each are not part of it."""
    for phase, concurrency in CONCURRENCY.items():
        sql(DATABASE, "VACUUM ANALYZE", "CHECKPOINT")
        before, began = cpu_of_postgres() + cpu_of_children(), time.perf_counter()
        call(program, url, phase, str(count), str(concurrency))
        seconds = time.perf_counter() - began
        phases[phase].append(Phase(count, seconds, cpu_of_postgres() + cpu_of_children() - before))


def call(program: str, url: str, *arguments: str) -> None:
    """Runs a program. The driver and PostgreSQL have the other core."""
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": url}
    subprocess.run(["taskset", "-c", "0", program, *arguments], env=environment, check=True, timeout=600)


def cpu_of_children() -> float:
    """The CPU time of the programs that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cpu_of_postgres() -> float:
    """The CPU time of the server and of all its processes, including those that have ended."""
    folder = sql("postgres", "SHOW data_directory").strip()
    postmaster = int(Path(folder, "postmaster.pid").read_text().splitlines()[0])
    backends = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    living = sum(machine.cpu_seconds(int(pid)) for pid in backends if Path(f"/proc/{pid}").exists())
    return machine.cpu_seconds(postmaster) + machine.ended_children_seconds(postmaster) + living


def table(compared: Found, first: str) -> str:
    """Rows of figures, with the cost as a multiple of the first row's."""
    rows = []
    for phase in PHASES:
        base = median(each.per_core for each in compared[first][phase])
        for name, phases in compared.items():
            per_core = [each.per_core for each in phases[phase]]
            wall = median(each.jobs / each.seconds for each in phases[phase])
            rows.append(
                f"| {phase} | {name} | {median(per_core):,.0f} | {min(per_core):,.0f} to {max(per_core):,.0f} "
                f"| {base / median(per_core):.2f} | {wall:,.0f} |"
            )
    return "\n".join(rows)


def page(programs: Found, sizes: Found, rounds: int, count: int) -> str:
    """The results."""
    smallest = next(iter(sizes))
    return f"""# Jobs

Written by `./scripts/bench jobs` on {date.today()}: {count:,} jobs that do nothing, {rounds} rounds, in which the
programs alternate. Each job is enqueued in a transaction of its own, on {CONCURRENCY["enqueue"]} connections, and {CONCURRENCY["run"]} run
at once. The program has one core, and PostgreSQL the other. CPU time is that of both together.

## Beside its peers

| Phase | Program | Jobs per second of CPU time | Range | Cost as a multiple of the limit's | Jobs per second |
|---|---|---|---|---|---|
{table(programs, "limit")}

- limit: an INSERT, and a loop that claims jobs by deleting them. It has no leases, no attempts and no
  record of what was done: a crash loses what it has claimed.
- groundwork: `groundwork-jobs` of this repository. Rows of finished jobs stay.
- apalis: apalis-postgres 1.0 with batches as large as the number of workers.
- river: River for Go on pgx.

## As the table grows

The same {count:,} jobs of groundwork, in a table that has other jobs already. Those that are queued are
due before them, so that they run in their place.

| Phase | Table | Jobs per second of CPU time | Range | Cost as a multiple of the first row's | Jobs per second |
|---|---|---|---|---|---|
{table(sizes, smallest)}

## Machine

{chr(10).join(f"- {line}" for line in machine.describe())}
"""
