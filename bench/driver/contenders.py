"""The contenders: how each is built, started and stopped."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

SECRET = "a secret of the benchmark that every contender knows"
PEERS = Path("bench/peers")
#: The core of the contender; everything else runs on another one.
CORE = "0"
START_LIMIT = 30.0

#: The binary of this service for each contender of it.
PROGRAMS = {
    "groundwork": "GROUNDWORK_RELEASE_BIN",
    "embedded": "GROUNDWORK_RELEASE_BIN",
    "plain": "GROUNDWORK_PLAIN_BIN",
    "baseline": "GROUNDWORK_BASELINE_BIN",
}
NAMES = ["groundwork", "embedded", "plain", "limit", "axum", "go", "fastify", "fastapi"]


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass
class Running:
    """A running contender."""

    process: subprocess.Popen[bytes]
    port: int
    #: From the start of the process to its first response, in seconds.
    took: float

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """Stops it, and fails if it had already exited."""
        if self.process.poll() is not None:
            raise RuntimeError(f"it ended by itself with {self.process.returncode}")
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Contender:
    """A contender with its own database."""

    name: str
    database_url: str
    access: str = ""
    #: The newest refresh tokens of its sessions.
    refresh: list[str] = field(default_factory=list)
    #: Settings beside the usual ones.
    own: dict[str, str] = field(default_factory=dict)

    def build(self) -> None:
        if not self.is_groundwork:
            subprocess.run([PEERS / self.name / "build"], check=True)

    @property
    def is_groundwork(self) -> bool:
        return self.name in PROGRAMS

    def settings(self, is_limited: bool) -> dict[str, str]:
        """As in production, with limits that refuse nothing."""
        limits = {"RATE_LIMIT_PER_MINUTE": "1000000"}
        if is_limited and self.name != "embedded":
            limits["REDIS_URL"] = os.environ["TEST_REDIS_URL"]
        if not is_limited:
            limits = {}
        own = {
            "APP_ENV": "production",
            "LOG_FORMAT": "json",
            "RATE_LIMIT_ENABLED": str(is_limited).lower(),
            "AUTH_RATE_LIMIT_PER_MINUTE": "1000000",
            "ACCOUNT_RATE_LIMIT_PER_MINUTE": "1000000",
            "DB_MAX_OVERFLOW": "0",
            "MAX_CONNECTIONS": "20000",
            "MAX_CONNECTIONS_PER_IP": "20000",
            "KEEP_ALIVE_TIMEOUT": "300",
        }
        return {
            "DATABASE_URL": self.database_url,
            "JWT_SECRET_KEY": SECRET,
            "BCRYPT_ROUNDS": "12",
            "DB_POOL_SIZE": "16",
            **(own if self.is_groundwork else {}),
            **limits,
            **self.own,
        }

    def start(self, is_limited: bool = False, core: str = CORE, extra: dict[str, str] | None = None) -> Running:
        """Starts it and waits for its first response."""
        port = free_port()
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "CARGO_TARGET_DIR") if name in os.environ}
        environment = {**inherited, **self.settings(is_limited), "PORT": str(port), **(extra or {})}
        program = os.environ[PROGRAMS[self.name]] if self.is_groundwork else str(PEERS / self.name / "serve")
        # All contenders log to the cheapest destination.
        began = time.perf_counter()
        process = subprocess.Popen(
            ["taskset", "-c", core, program],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {process.returncode} before it answered")
            if is_ready(port):
                return Running(process, port, time.perf_counter() - began)
            if time.perf_counter() - began > START_LIMIT:
                process.kill()
                raise RuntimeError(f"{self.name} does not answer within {START_LIMIT:.0f} s")
            time.sleep(0.001)


def is_ready(port: int) -> bool:
    """Whether it responds yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/v1/health/live")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
