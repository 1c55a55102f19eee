"""The session of a logged-in user, which renews its tokens when they have expired."""

import threading
from collections.abc import Callable, Generator
from http import HTTPStatus
from typing import Self

import httpx

from .api.auth import auth_login, auth_logout
from .client import AuthenticatedClient, Client
from .failures import ok
from .models import ErrorCode, LoginRequest, TokenPair
from .retries import OnRetry, Retries

REFRESH_PATH = "/api/v1/auth/refresh"


class Session:
    """A session: calls with :attr:`client` send the access token. Several threads may use it.

    When the access token is refused, the refresh token is exchanged once, however many calls wait for it, and the calls
    are repeated. When the refresh token is refused, the session is over: calls fail, and `tokens` is None.
    """

    def __init__(
        self,
        base_url: str,
        tokens: TokenPair,
        *,
        on_refresh: Callable[[], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> None:
        """Resume a session from stored :attr:`tokens`.

        Only one object may use them, because a refresh token can be used once.
        """
        self._auth = _Renewal(base_url, tokens, on_refresh)
        http = httpx.Client(base_url=base_url, auth=self._auth, transport=Retries(on_retry))
        # The client has no token, because its `repr` would show it.
        self.client = AuthenticatedClient(base_url, token="").set_httpx_client(http)

    @classmethod
    def login(
        cls,
        base_url: str,
        email: str,
        password: str,
        *,
        on_refresh: Callable[[], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Self:
        """Open a session with `auth_login`.

        Raises:
            GroundworkError: The service answered with an error.

        """
        with httpx.Client(base_url=base_url, transport=Retries(on_retry)) as http:
            client = Client(base_url).set_httpx_client(http)
            tokens = ok(auth_login.sync_detailed(client=client, body=LoginRequest(email=email, password=password)))
        return cls(base_url, tokens, on_refresh=on_refresh, on_retry=on_retry)

    @property
    def tokens(self) -> TokenPair | None:
        """The current tokens, or None when the session is over. Store them where only the user can read them."""
        return self._auth.tokens

    def logout(self) -> None:
        """End the session. Do nothing if it is over already.

        Raises:
            GroundworkError: The service answered with another error than that the session is over.

        """
        response = auth_logout.sync_detailed(client=self.client)
        if response.status_code != HTTPStatus.UNAUTHORIZED:
            ok(response)
        self._auth.tokens = None

    def close(self) -> None:
        """Close the connections. The session stays open in the service."""
        self.client.get_httpx_client().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Renewal(httpx.Auth):
    requires_response_body = True

    def __init__(self, base_url: str, tokens: TokenPair, on_refresh: Callable[[], None] | None) -> None:
        self.tokens: TokenPair | None = tokens
        self._url = httpx.URL(base_url.rstrip("/") + REFRESH_PATH)
        self._on_refresh = on_refresh
        self._lock = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        tokens = self.tokens
        _authorise(request, tokens)
        response = yield request
        response.read()
        if tokens is None or not _is_refused(response):
            return
        # A call that waited here finds the tokens of the call that came first.
        with self._lock:
            if self.tokens is tokens:
                yield from self._exchange(tokens)
        if self.tokens is not None:
            _authorise(request, self.tokens)
            yield request

    def _exchange(self, spent: TokenPair) -> Generator[httpx.Request, httpx.Response, None]:
        answer = yield httpx.Request("POST", self._url, json={"refresh_token": spent.refresh_token})
        answer.read()
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            self.tokens = None
            return
        answer.raise_for_status()
        self.tokens = TokenPair.from_dict(answer.json())
        if self._on_refresh:
            self._on_refresh()


def _authorise(request: httpx.Request, tokens: TokenPair | None) -> None:
    request.headers.pop("Authorization", None)
    if tokens is not None:
        request.headers["Authorization"] = f"Bearer {tokens.access_token}"


def _is_refused(response: httpx.Response) -> bool:
    if response.status_code != HTTPStatus.UNAUTHORIZED:
        return False
    try:
        body = response.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("error") == ErrorCode.INVALID_TOKEN.value
