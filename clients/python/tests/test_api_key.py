import asyncio

import attrs
import httpx
import pytest

from groundwork_client import AsyncGroundwork, Groundwork, GroundworkError
from groundwork_client.models import (
    ApiKeyWithSecret,
    ErrorCode,
    LoginRequest,
    PasswordReset,
    ProfileUpdate,
    TokenPair,
    WebhookWithSecret,
)

URL = "http://groundwork.example"
KEY = "gwk_secret"


class Service:
    """Refuses every call: a read as if the key was deleted, and a write for its scope."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append((request.method, request.url.path, request.headers["Authorization"]))
        status, code = (401, "invalid_token") if request.method == "GET" else (403, "insufficient_scope")
        body = {"success": False, "error": code, "message": "No.", "request_id": "id"}
        return httpx.Response(status, json=body)


SENT = [("GET", "/api/v1/users/me", f"Bearer {KEY}"), ("PATCH", "/api/v1/users/me", f"Bearer {KEY}")]


def test_an_api_key_is_sent_as_it_is_and_never_refreshed() -> None:
    service = Service()
    client = Groundwork(URL, api_key=KEY)
    auth = client.client.get_httpx_client().auth
    client.client.set_httpx_client(httpx.Client(base_url=URL, auth=auth, transport=httpx.MockTransport(service)))
    with pytest.raises(GroundworkError) as deleted:
        client.users.me()
    with pytest.raises(GroundworkError) as refused:
        client.users.me_update(ProfileUpdate(full_name="Ada"))
    assert (deleted.value.code, refused.value.code) == (ErrorCode.INVALID_TOKEN, ErrorCode.INSUFFICIENT_SCOPE)
    assert service.seen == SENT
    assert KEY not in f"{client!r} {client.client!r} {auth!r}"


def test_an_api_key_is_sent_by_the_client_for_asyncio_too() -> None:
    service = Service()

    async def calls() -> list[ErrorCode | None]:
        client = AsyncGroundwork(URL, api_key=KEY)
        auth = client.client.get_async_httpx_client().auth
        http = httpx.AsyncClient(base_url=URL, auth=auth, transport=httpx.MockTransport(service))
        client.client.set_async_httpx_client(http)
        with pytest.raises(GroundworkError) as deleted:
            await client.users.me()
        with pytest.raises(GroundworkError) as refused:
            await client.users.me_update(ProfileUpdate(full_name="Ada"))
        return [deleted.value.code, refused.value.code]

    assert asyncio.run(calls()) == [ErrorCode.INVALID_TOKEN, ErrorCode.INSUFFICIENT_SCOPE]
    assert service.seen == SENT


def test_no_secret_is_printed() -> None:
    secret = "correct horse battery staple"
    pair = {"access_token": secret, "refresh_token": secret, "token_type": "bearer", "expires_in": 900}
    for value in (
        ProfileUpdate(password=secret, current_password=secret),
        LoginRequest(email="ada@example.com", password=secret),
        PasswordReset(token=secret, password=secret),
        TokenPair.from_dict(pair),
    ):
        assert secret not in repr([value])
    assert TokenPair.from_dict(pair).to_dict() == pair
    assert ProfileUpdate(full_name="Ada").to_dict() == {"full_name": "Ada"}


@pytest.mark.parametrize(("model", "field"), [(ApiKeyWithSecret, "key"), (WebhookWithSecret, "secret")])
def test_what_is_shown_once_is_not_printed(model: type[ApiKeyWithSecret | WebhookWithSecret], field: str) -> None:
    assert [shown.repr for shown in attrs.fields(model) if shown.name == field] == [False]
