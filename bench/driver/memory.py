"""What connections cost that are open and say nothing."""

from __future__ import annotations

import resource
import socket
import time

from .contenders import Running
from .machine import resident_kib

REQUEST = b"GET /api/v1/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
COUNTS = [1_000, 10_000]


def with_connections(running: Running) -> dict[int, int]:
    """Resident memory in KiB with so many connections open, each of which has had one answer."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < COUNTS[-1] + 100:
        raise RuntimeError(f"{most} descriptors are too few: raise the hard limit (ulimit -Hn)")
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
            found[count] = resident_kib(running.pid)
    finally:
        for connection in connections:
            connection.close()
    return found
