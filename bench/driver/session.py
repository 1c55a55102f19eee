"""Sessions for the load."""

from __future__ import annotations

import json
import urllib.request

from .contenders import Contender
from .scenarios import EMAIL, PASSWORD


def post(port: int, path: str, body: object) -> dict[str, str]:
    """Sends a body and returns the response, which has to be a success."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, str] = json.loads(response.read())
        return answer


def log_in(contender: Contender, sessions: int) -> None:
    """Opens sessions and gives the contender their tokens."""
    # Longer than a run takes.
    running = contender.start(extra={"ACCESS_TOKEN_EXPIRE_MINUTES": "1440"})
    try:
        pairs = [
            post(running.port, "/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD}) for _ in range(sessions + 1)
        ]
    finally:
        running.stop()
    # The first session is only for the access token, so that a defect in refreshing cannot affect it.
    contender.access = pairs[0]["access_token"]
    contender.refresh = [pair["refresh_token"] for pair in pairs[1:]]
