"""Runs clients/scenario.json: one function per step, in the order and with the values of the data."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from groundwork_client import AsyncGroundwork, Groundwork, GroundworkError, Session, ok
from groundwork_client.api.auth import auth_register
from groundwork_client.models import ProfileUpdate, RegisterRequest

# A step of the data. Its values depend on the step.
Step = dict[str, Any]


class World:
    """What the steps share."""

    def __init__(self) -> None:
        self.url = os.environ["GROUNDWORK_URL"]
        self.scenario: dict[str, Any] = json.loads(Path(os.environ["GROUNDWORK_SCENARIO"]).read_text())
        self.anonymous = Groundwork(self.url)
        self.refreshes = 0
        self.retries = 0
        self._user: Session | None = None
        self._admin: Session | None = None

    def login(self) -> Session:
        user = self.scenario["user"]
        self._user = Session.login(
            self.url,
            user["email"],
            user["password"],
            on_refresh=self._refreshed,
            on_retry=lambda _: self._retried(),
        )
        return self._user

    @property
    def user(self) -> Session:
        assert self._user, "the step login comes first"
        return self._user

    @property
    def admin(self) -> Session:
        if self._admin is None:
            admin = self.scenario["seed"]["admin"]
            self._admin = Session.login(self.url, admin["email"], admin["password"])
        return self._admin

    def advance(self, seconds: int) -> None:
        control = os.environ["GROUNDWORK_CONTROL"]
        httpx.post(f"{control}/advance", params={"seconds": seconds}).raise_for_status()

    def _refreshed(self) -> None:
        self.refreshes += 1

    def _retried(self) -> None:
        self.retries += 1


def expect_error(call: Callable[[], object], expected: Step) -> GroundworkError:
    try:
        call()
    except GroundworkError as error:
        assert (error.status, error.code) == (expected["status"], expected["error"]), error
        return error
    raise AssertionError(f"no error: {expected}")


def register(world: World, step: Step) -> None:
    body = RegisterRequest(**world.scenario["user"])
    # The generated function, because the step needs the status.
    response = auth_register.sync_detailed(client=world.anonymous.client, body=body)
    user, expected = ok(response), step["expect"]
    assert response.status_code == expected["status"]
    assert user.email == expected["email"]
    assert user.full_name == expected["full_name"]
    assert user.is_superuser == expected["is_superuser"]


def duplicate(world: World, step: Step) -> None:
    body = RegisterRequest(**world.scenario["user"])
    expect_error(lambda: world.anonymous.auth.register(body), step["expect"])


def invalid(world: World, step: Step) -> None:
    body = RegisterRequest(**step["body"])
    error = expect_error(lambda: world.anonymous.auth.register(body), step["expect"])
    assert sorted(problem.field for problem in error.fields) == sorted(step["expect"]["fields"])


def login(world: World, step: Step) -> None:
    tokens = world.login().tokens
    assert tokens
    assert tokens.token_type == step["expect"]["token_type"]
    assert tokens.expires_in == step["expect"]["expires_in"]


def me(world: World, step: Step) -> None:
    user = world.user.users.me()
    assert user.email == step["expect"]["email"]
    assert user.full_name == step["expect"]["full_name"]


def patch_absent(world: World, step: Step) -> None:
    user = world.user.users.me_update(ProfileUpdate())
    assert user.full_name == step["expect"]["full_name"]


def patch_null(world: World, step: Step) -> None:
    user = world.user.users.me_update(ProfileUpdate(full_name=None))
    assert user.full_name == step["expect"]["full_name"]


def forbidden(world: World, step: Step) -> None:
    expect_error(world.user.users.list().page, step["expect"])


def all_pages(world: World, step: Step) -> None:
    calls: list[httpx.Request] = []
    world.admin.client.get_httpx_client().event_hooks = {"request": [calls.append]}
    ids = [user.id for user in world.admin.users.list(limit=step["limit"], email=step["email"])]
    assert len(ids) == step["expect"]["count"]
    assert len(calls) == step["expect"]["calls"]
    assert ids == sorted(set(ids))
    assert asyncio.run(all_pages_with_asyncio(world, step)) == ids


async def all_pages_with_asyncio(world: World, step: Step) -> list[int]:
    admin = world.scenario["seed"]["admin"]
    async with AsyncGroundwork(world.url) as service, await service.login(**admin) as session:
        ids = [user.id async for user in session.users.list(limit=step["limit"], email=step["email"])]
        await session.logout()
        return ids


def not_found(world: World, step: Step) -> None:
    expect_error(lambda: world.admin.users.get(step["id"]), step["expect"])


def expired_token(world: World, step: Step) -> None:
    world.advance(step["advance_seconds"])
    with ThreadPoolExecutor(step["parallel"]) as threads:
        calls = [threads.submit(world.user.users.me) for _ in range(step["parallel"])]
    assert {call.result().email for call in calls} == {step["expect"]["email"]}
    assert world.refreshes == step["expect"]["refreshes"]


def rate_limited(world: World, step: Step) -> None:
    before = world.retries
    for _ in range(step["first"]):
        world.user.auth.me()
    world.advance(step["advance_seconds"])
    for _ in range(step["then"]):
        world.user.auth.me()
    assert world.retries - before == step["expect"]["retries"]


def logout(world: World, step: Step) -> None:
    tokens = world.user.tokens
    world.user.logout()
    assert tokens
    assert world.user.tokens is None
    # A client that stored the tokens: they are refused, and so is their exchange.
    kept = Session(world.url, tokens)
    expect_error(kept.users.me, step["expect"])
    assert kept.tokens is None


STEPS: dict[str, Callable[[World, Step], None]] = {
    "register": register,
    "duplicate": duplicate,
    "invalid": invalid,
    "login": login,
    "me": me,
    "patch_absent": patch_absent,
    "patch_null": patch_null,
    "forbidden": forbidden,
    "pages": all_pages,
    "not_found": not_found,
    "expired_token": expired_token,
    "rate_limited": rate_limited,
    "logout": logout,
}


def main() -> None:
    world = World()
    steps: list[Step] = world.scenario["steps"]
    assert [step["step"] for step in steps] == list(STEPS), "a function for every step, and a step for every function"
    for step in steps:
        STEPS[step["step"]](world, step)
        sys.stdout.write(f"step {step['step']}\n")


if __name__ == "__main__":
    main()
