"""The databases: one is filled, and each contender gets a copy."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from pathlib import Path

from .contenders import SECRET, Contender
from .load import CHAINS
from .scenarios import EMAIL, PASSWORD
from .session import log_in

USERS = 100_000
TEMPLATE = "bench_template"

#: Realistic users, with a password hash that no password matches.
INSERT_USERS = """
    INSERT INTO users (email, password_hash, full_name, is_active, is_superuser, is_verified, created_at, updated_at)
    SELECT 'user' || n || '@example.com', '$2b$12$' || repeat('x', 53), 'User ' || n, true, false, n % 2 = 0,
        timestamptz '2026-01-01Z' + n * interval '1 second', timestamptz '2026-01-01Z' + n * interval '1 second'
    FROM generate_series({first}, {last}) AS n
"""


def server() -> str:
    """The address of the server, without a database."""
    return os.environ["TEST_POSTGRES_URL"].rpartition("/")[0]


def sql(database: str, *statements: str) -> str:
    """Runs statements one by one and returns the plain output of the last one."""
    command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1"]
    for statement in statements:
        command += ["-c", statement]
    return subprocess.run([*command, f"{server()}/{database}"], capture_output=True, text=True, check=True).stdout


def groundwork(url: str, *arguments: str, stdin: str = "") -> None:
    """Runs a command of the service."""
    environment = {"PATH": os.environ["PATH"], "LOG_LEVEL": "error", "DATABASE_URL": url, "JWT_SECRET_KEY": SECRET, "BCRYPT_ROUNDS": "12"}
    program = os.environ["GROUNDWORK_RELEASE_BIN"]
    subprocess.run([program, *arguments], env=environment, input=stdin, text=True, check=True, stdout=subprocess.DEVNULL)


def create_account(url: str) -> None:
    """Creates the tables and the calling user, a superuser."""
    groundwork(url, "migrate")
    groundwork(url, "user", "create", "--email", EMAIL, "--superuser", "--password-stdin", stdin=PASSWORD + "\n")


def prepare(names: list[str]) -> list[Contender]:
    """Fills a database, opens its sessions, and copies it for each contender."""
    sql("postgres", f"DROP DATABASE IF EXISTS {TEMPLATE}", f"CREATE DATABASE {TEMPLATE}")
    url = f"{server()}/{TEMPLATE}"
    create_account(url)
    sql(TEMPLATE, INSERT_USERS.format(first=1, last=USERS), "VACUUM ANALYZE")
    filler = Contender("groundwork", url)
    log_in(filler, CHAINS)
    contenders = []
    for name in names:
        if name == "embedded":
            contenders.append(embedded())
            continue
        sql("postgres", f"DROP DATABASE IF EXISTS bench_{name}", f"CREATE DATABASE bench_{name} TEMPLATE {TEMPLATE}")
        copy = Contender(name, f"{server()}/bench_{name}", filler.access, list(filler.refresh))
        contenders.append(copy)
    return contenders


def embedded() -> Contender:
    """The same in a SQLite file."""
    path = Path(os.environ["RUN_DIR"]) / "bench.db"
    path.unlink(missing_ok=True)
    contender = Contender("embedded", f"sqlite://{path}")
    create_account(contender.database_url)
    with sqlite3.connect(path) as connection:
        columns = "email, password_hash, full_name, is_active, is_superuser, is_verified, created_at, updated_at"
        instant = connection.execute("SELECT created_at FROM users").fetchone()[0]
        rows = (
            (f"user{n}@example.com", "$2b$12$" + "x" * 53, f"User {n}", 1, 0, n % 2 == 0, instant, instant)
            for n in range(1, USERS + 1)
        )
        connection.executemany(f"INSERT INTO users ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    log_in(contender, CHAINS)
    return contender
