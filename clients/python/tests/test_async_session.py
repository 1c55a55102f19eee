import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from test_session import URL, USER, error, pair

from groundwork_client import AsyncRetries, AsyncSession, GroundworkError, Retry
from groundwork_client.models import ErrorCode, TokenPair, TokenType


def session_over(handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> AsyncSession:
    session = AsyncSession(URL, TokenPair("access0", "refresh0", TokenType.BEARER, 1800), **options)
    transport = AsyncRetries(options.get("on_retry"), httpx.MockTransport(handler))
    http = httpx.AsyncClient(base_url=URL, auth=session.client.get_async_httpx_client().auth, transport=transport)
    session.client.set_async_httpx_client(http)
    return session


def test_an_expired_token_is_exchanged_once_however_many_tasks_wait() -> None:
    exchanged: list[str] = []
    refreshed: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/auth/refresh"):
            exchanged.append(json.loads(request.content)["refresh_token"])
            return httpx.Response(200, json=pair(1))
        if request.headers["Authorization"] != "Bearer access1":
            return error(401, "invalid_token")
        return httpx.Response(200, json=USER)

    async def run() -> list[str]:
        async with session_over(answer, on_refresh=lambda: refreshed.append(1)) as session:
            users = await asyncio.gather(*(session.users.me() for _ in range(8)))
            assert session.tokens == TokenPair("access1", "refresh1", TokenType.BEARER, 1800)
            return [user.email for user in users]

    assert asyncio.run(run()) == ["ada@example.com"] * 8
    assert (exchanged, refreshed) == (["refresh0"], [1])


def test_a_session_that_is_over_gives_the_error() -> None:
    async def run() -> None:
        async with session_over(lambda _: error(401, "invalid_token")) as session:
            with pytest.raises(GroundworkError) as raised:
                await session.users.me()
            assert raised.value.code == ErrorCode.INVALID_TOKEN
            assert session.tokens is None
            await session.logout()

    asyncio.run(run())


def test_a_refresh_that_fails_keeps_the_tokens() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/auth/refresh"):
            raise httpx.ConnectError("gone")
        return error(401, "invalid_token")

    async def run() -> None:
        async with session_over(fail) as session:
            with pytest.raises(httpx.ConnectError):
                await session.users.me()
            assert session.tokens

    asyncio.run(run())


def test_a_busy_service_is_asked_again_after_as_long_as_it_says() -> None:
    answers = [error(429, "rate_limited", **{"Retry-After": "0"}), httpx.Response(200, json=USER)]
    retries: list[Retry] = []

    async def run() -> int:
        async with session_over(lambda _: answers.pop(0), on_retry=retries.append) as session:
            return (await session.users.me()).id

    assert asyncio.run(run()) == 1
    assert [retry.seconds for retry in retries] == [0.0]


def test_pages_follow_one_another_with_the_same_filters() -> None:
    tokens: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        token = request.url.params.get("page_token")
        tokens.append(token)
        assert request.url.params["limit"] == "1"
        return httpx.Response(200, json={"items": [USER], "next_page": None if token else "second"})

    async def run() -> list[int]:
        async with session_over(answer) as session:
            users = session.users.list(limit=1)
            assert (await users.page()).next_page == "second"
            return [user.id async for user in users]

    assert asyncio.run(run()) == [1, 1]
    assert tokens == [None, None, "second"]


def test_logout_ends_the_session() -> None:
    async def run() -> None:
        async with session_over(lambda _: httpx.Response(204)) as session:
            await session.logout()
            assert session.tokens is None

    asyncio.run(run())


def test_no_token_is_shown() -> None:
    session = session_over(lambda _: error(401, "invalid_token"))
    assert "access0" not in repr(session) + repr(session.client) + repr(vars(session.client.get_async_httpx_client()))
