from collections.abc import Callable
from http import HTTPStatus

import httpx
import pytest

from groundwork_client import Groundwork, GroundworkError
from groundwork_client.models import ErrorCode, RegisterRequest, UserUpdate

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


def service_over(handler: Callable[[httpx.Request], httpx.Response]) -> Groundwork:
    service = Groundwork(URL)
    service.client.set_httpx_client(httpx.Client(base_url=URL, transport=httpx.MockTransport(handler)))
    return service


def test_a_method_sends_the_path_and_the_body_of_its_operation() -> None:
    requests: list[tuple[str, str, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert "Authorization" not in request.headers
        requests.append((request.method, request.url.path, request.content))
        return httpx.Response(201 if request.method == "POST" else 200, json=USER)

    service = service_over(answer)
    assert service.users.get(7).email == "ada@example.com"
    assert service.users.update(7, UserUpdate(full_name=None)).id == 1
    assert service.auth.register(RegisterRequest("ada@example.com", "secret")).id == 1
    assert requests == [
        ("GET", "/api/v1/users/7", b""),
        ("PATCH", "/api/v1/users/7", b'{"full_name":null}'),
        ("POST", "/api/v1/auth/register", b'{"email":"ada@example.com","password":"secret"}'),
    ]


def test_a_method_raises_the_error_of_the_service() -> None:
    body = {"success": False, "error": "forbidden", "message": "No.", "request_id": "id"}
    service = service_over(lambda _: httpx.Response(403, json=body))
    for call in (lambda: service.users.delete(7), lambda: service.users.list().page(), lambda: [*service.users.list()]):
        with pytest.raises(GroundworkError) as raised:
            call()
        assert (raised.value.status, raised.value.code) == (HTTPStatus.FORBIDDEN, ErrorCode.FORBIDDEN)


def test_a_list_gives_its_items_page_by_page_as_often_as_it_is_iterated_over() -> None:
    queries: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        queries.append(request.url.query.decode())
        is_last = "page_token" in request.url.params
        return httpx.Response(200, json={"items": [USER], "next_page": None if is_last else "second"})

    users = service_over(answer).users.list(limit=1, is_active=True)
    assert queries == []
    assert [user.id for user in users] == [user.id for user in users] == [1, 1]
    assert users.page("second").next_page is None
    first, second = "limit=1&is_active=true", "limit=1&page_token=second&is_active=true"
    assert queries == [first, second, first, second, second]
