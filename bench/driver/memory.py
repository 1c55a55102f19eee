"""The cost of idle connections."""

from __future__ import annotations

import resource
import socket
import time

from .contenders import Running
from .machine import resident_kib

REQUEST = b"GET /api/v1/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
COUNTS = [1_000, 10_000]


def allow_descriptors() -> None:
    """Raises the limit of open files for contenders and load."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < 2 * COUNTS[-1]:
        raise SystemExit(f"{most} descriptors are too few: raise the hard limit (ulimit -Hn)")


def is_open(connection: socket.socket) -> bool:
    """Whether the other end has not closed it."""
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    finally:
        connection.setblocking(True)


def with_connections(running: Running) -> dict[int, int]:
    """Resident memory in KiB with this many open connections, each after one response."""
    connections: list[socket.socket] = []
    found = {}
    try:
        for count in COUNTS:
            while len(connections) < count:
                connection = socket.create_connection(("127.0.0.1", running.port), timeout=10)
                connection.sendall(REQUEST)
                if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(f"connection {len(connections)} was not served")
                connections.append(connection)
            time.sleep(0.5)
            if closed := sum(not is_open(connection) for connection in connections):
                raise RuntimeError(f"{closed} of {count} connections were closed meanwhile")
            found[count] = resident_kib(running.pid)
    finally:
        for connection in connections:
            connection.close()
    return found
