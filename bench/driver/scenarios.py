"""The measured requests."""

from __future__ import annotations

import json
from dataclasses import dataclass

EMAIL = "bench@example.com"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Scenario:
    """One kind of request."""

    name: str
    title: str
    path: str
    method: str = "GET"
    status: int = 200
    body: str | None = None
    has_token: bool = True
    connections: int = 16
    #: Counted in Redis, or in the process where there is none.
    is_limited: bool = False
    #: Each response contains what the next request needs.
    is_chain: bool = False
    #: Hashes a password, so there are few per second, and the run has to last longer.
    is_slow: bool = False


SCENARIOS = [
    Scenario("health", "health", "/api/v1/health/live", has_token=False),
    Scenario("users_me", "current user (token, one query)", "/api/v1/users/me"),
    Scenario("page", "page of 20 users", "/api/v1/users?limit=20"),
    Scenario(
        "update",
        "change the current user's name",
        "/api/v1/users/me",
        method="PATCH",
        body=json.dumps({"full_name": "Ada Lovelace"}),
    ),
    Scenario(
        "login",
        "login (bcrypt, cost 12)",
        "/api/v1/auth/login",
        method="POST",
        body=json.dumps({"email": EMAIL, "password": PASSWORD}),
        has_token=False,
        connections=4,
        is_slow=True,
    ),
    Scenario("refresh", "refresh, each token once", "/api/v1/auth/refresh", method="POST", has_token=False, is_chain=True),
    Scenario("unauthorized", "401 without a token", "/api/v1/users/me", status=401, has_token=False),
    Scenario("not_found", "404", "/api/v1/nowhere", status=404, has_token=False),
    Scenario("limited", "current user, counted by a rate limit", "/api/v1/users/me", is_limited=True),
]

#: The scenarios that the limit does not implement.
BEYOND_THE_LIMIT = {"update", "login", "refresh", "limited"}
