import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from groundwork_client import GroundworkError, Retries, Retry, Session, ok, pages
from groundwork_client.api.users import users_list, users_me
from groundwork_client.models import ErrorCode, TokenPair, TokenType, UserCreate, UserUpdate

URL = "http://groundwork.example"
USER = {
    "id": 1,
    "email": "ada@example.com",
    "full_name": None,
    "is_active": True,
    "is_superuser": False,
    "role": "user",
    "is_verified": False,
    "created_at": "2026-01-31T09:30:00Z",
    "updated_at": "2026-01-31T09:30:00Z",
}

Handler = Callable[[httpx.Request], httpx.Response]


def error(status: int, code: str, **headers: str) -> httpx.Response:
    body = {"success": False, "error": code, "message": "No.", "request_id": "id"}
    return httpx.Response(status, json=body, headers=headers)


def pair(number: int) -> dict[str, Any]:
    return {
        "access_token": f"access{number}",
        "refresh_token": f"refresh{number}",
        "token_type": "bearer",
        "expires_in": 1800,
    }


def session_over(handler: Handler, **options: Any) -> Session:
    tokens = TokenPair("access0", "refresh0", TokenType.BEARER, 1800)
    session = Session(URL, tokens, **options)
    transport = Retries(options.get("on_retry"), httpx.MockTransport(handler))
    http = httpx.Client(base_url=URL, auth=session.client.get_httpx_client().auth, transport=transport)
    session.client.set_httpx_client(http)
    return session


class Service:
    """Accepts only the newest access token, and each refresh token once."""

    def __init__(self) -> None:
        self.newest = 1
        self.exchanged: list[str] = []
        self.lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self.lock:
            if request.url.path.endswith("/auth/refresh"):
                self.exchanged.append(json.loads(request.content)["refresh_token"])
                return httpx.Response(200, json=pair(self.newest))
            if request.headers["Authorization"] != f"Bearer access{self.newest}":
                return error(401, "invalid_token")
            return httpx.Response(200, json=USER)


def test_an_expired_token_is_exchanged_once_however_many_threads_wait() -> None:
    service, refreshed = Service(), []
    session = session_over(service, on_refresh=lambda: refreshed.append(1))
    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(lambda: ok(users_me.sync_detailed(client=session.client))) for _ in range(8)]
    assert {call.result().email for call in calls} == {"ada@example.com"}
    assert (service.exchanged, refreshed) == (["refresh0"], [1])


def test_a_session_that_is_over_gives_the_error_and_does_not_try_again() -> None:
    requests: list[str] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        requests.append(request.url.path)
        return error(401, "invalid_token")

    session = session_over(refuse)
    for _ in range(2):
        with pytest.raises(GroundworkError) as raised:
            ok(users_me.sync_detailed(client=session.client))
        assert raised.value.code == ErrorCode.INVALID_TOKEN
    assert session.tokens is None
    assert sum(path.endswith("/auth/refresh") for path in requests) == 1


def test_a_refresh_that_fails_keeps_the_tokens() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/auth/refresh"):
            raise httpx.ConnectError("gone")
        return error(401, "invalid_token")

    session = session_over(fail)
    with pytest.raises(httpx.ConnectError):
        users_me.sync_detailed(client=session.client)
    assert session.tokens


def test_a_busy_service_is_asked_again_after_as_long_as_it_says() -> None:
    answers = [error(429, "rate_limited", **{"Retry-After": "0"}), httpx.Response(200, json=USER)]
    retries: list[Retry] = []
    session = session_over(lambda _: answers.pop(0), on_retry=retries.append)
    assert ok(users_me.sync_detailed(client=session.client)).id == 1
    assert [retry.seconds for retry in retries] == [0.0]


def test_a_request_with_a_key_is_sent_again_with_it() -> None:
    sent: list[str] = []

    def fail_every_other_time(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Idempotency-Key"])
        refusal = error(503, "service_unavailable", **{"Retry-After": "0"})
        return refusal if len(sent) % 2 else httpx.Response(201, json=USER)

    users = session_over(fail_every_other_time).users
    new = UserCreate(email="ada@example.com", password="correct horse battery")
    users.create(new)
    users.create(new)
    users.create(new, idempotency_key="mine")
    assert sent[::2] == sent[1::2]
    assert len(set(sent)) == 3
    assert sent[-1] == "mine"


def test_a_change_can_have_a_condition() -> None:
    conditions: list[str | None] = []

    def note(request: httpx.Request) -> httpx.Response:
        conditions.append(request.headers.get("If-Match"))
        return httpx.Response(200, json=USER)

    users = session_over(note).users
    users.update(1, UserUpdate(), if_match='"tag"')
    users.update(1, UserUpdate())
    assert conditions == ['"tag"', None]


def test_nobody_waits_for_more_than_a_minute() -> None:
    session = session_over(lambda _: error(429, "rate_limited", **{"Retry-After": "61"}))
    with pytest.raises(GroundworkError) as raised:
        ok(users_me.sync_detailed(client=session.client))
    assert raised.value.code == ErrorCode.RATE_LIMITED


def test_a_code_of_a_newer_service_is_kept() -> None:
    session = session_over(lambda _: error(403, "too_young"))
    with pytest.raises(GroundworkError) as raised:
        ok(users_me.sync_detailed(client=session.client))
    assert (raised.value.status, str(raised.value.code)) == (403, "too_young")


def test_pages_follow_one_another_with_the_same_filters() -> None:
    tokens: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        token = request.url.params.get("page_token")
        tokens.append(token)
        assert request.url.params["limit"] == "1"
        return httpx.Response(200, json={"items": [USER], "next_page": None if token else "second"})

    session = session_over(answer)
    users = pages(lambda token: users_list.sync_detailed(client=session.client, page_token=token, limit=1))
    assert [user.id for user in users] == [1, 1]
    assert tokens == [None, "second"]


def test_no_token_is_shown() -> None:
    session = session_over(Service())
    assert "access0" not in repr(session) + repr(session.client) + repr(vars(session.client.get_httpx_client()))
