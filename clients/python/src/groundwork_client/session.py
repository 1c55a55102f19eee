"""The session of a logged-in user, which renews its tokens when they have expired."""

import threading
from collections.abc import Callable, Generator
from http import HTTPStatus
from typing import Self

import httpx

from .api.auth import auth_login, auth_logout
from .client import AuthenticatedClient, Client
from .failures import ok
from .models import LoginRequest, TokenPair
from .renewal import Renewal, authorise, is_refused
from .resources import Resources
from .retries import OnRetry, Retries


class Session(Resources):
    """A session: its calls, such as `session.users.me()`, send the access token. Several threads may use it.

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
        self._auth = _ThreadedRenewal(base_url, tokens, on_refresh)
        http = httpx.Client(base_url=base_url, auth=self._auth, transport=Retries(on_retry))
        # The client has no token, because its `repr` would show it.
        self.client = AuthenticatedClient(base_url, token="").set_httpx_client(http)
        super().__init__(self.client)

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


class _ThreadedRenewal(Renewal):
    def __init__(self, base_url: str, tokens: TokenPair, on_refresh: Callable[[], None] | None) -> None:
        super().__init__(base_url, tokens, on_refresh)
        self._lock = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        tokens = self.tokens
        authorise(request, tokens)
        response = yield request
        response.read()
        if tokens is None or not is_refused(response):
            return
        # A call that waited here finds the tokens of the call that came first.
        with self._lock:
            if self.tokens is tokens:
                answer = yield self.exchange(tokens)
                answer.read()
                self.accept(answer)
        if self.tokens is not None:
            authorise(request, self.tokens)
            yield request
