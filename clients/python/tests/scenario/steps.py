"""The steps of users: registration, login, profiles, lists, expiry and logout."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from world import Step, World, expect_error

from groundwork_client import AsyncGroundwork, Session, ok
from groundwork_client.api.auth import auth_register
from groundwork_client.models import ProfileUpdate, RegisterRequest


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
    users = world.admin.users
    before = world.admin_requests
    ids = [user.id for user in users.list(limit=step["limit"], email=step["email"])]
    assert len(ids) == step["expect"]["count"]
    assert world.admin_requests - before == step["expect"]["calls"]
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


def sorted_pages(world: World, step: Step) -> None:
    users = world.admin.users
    before = world.admin_requests
    ids = [user.id for user in users.list(limit=step["limit"], email=step["email"], sort=step["sort"])]
    assert len(ids) == step["expect"]["count"]
    assert world.admin_requests - before == step["expect"]["calls"]
    assert ids == sorted(set(ids), reverse=True)


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
