"""The session of a logged-in user for asyncio."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from http import HTTPStatus
from typing import Self

import httpx

from .api.auth import auth_login, auth_logout
from .client import AuthenticatedClient, Client
from .failures import ok
from .models import LoginRequest, TokenPair
from .renewal import Renewal, authorise, is_refused
from .resources import AsyncResources
from .retries import AsyncRetries, OnRetry


class AsyncSession(AsyncResources):
    """Does the same as `Session` for asyncio: `await session.users.me()`. Several tasks may use it.

    `on_refresh` and `on_retry` are called in the event loop and must not block.
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
        self._auth = _AsyncRenewal(base_url, tokens, on_refresh)
        http = httpx.AsyncClient(base_url=base_url, auth=self._auth, transport=AsyncRetries(on_retry))
        # The client has no token, because its `repr` would show it.
        self.client = AuthenticatedClient(base_url, token="").set_async_httpx_client(http)
        super().__init__(self.client)

    @classmethod
    async def login(
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
        async with httpx.AsyncClient(base_url=base_url, transport=AsyncRetries(on_retry)) as http:
            client = Client(base_url).set_async_httpx_client(http)
            body = LoginRequest(email=email, password=password)
            tokens = ok(await auth_login.asyncio_detailed(client=client, body=body))
        return cls(base_url, tokens, on_refresh=on_refresh, on_retry=on_retry)

    @property
    def tokens(self) -> TokenPair | None:
        """The current tokens, or None when the session is over. Store them where only the user can read them."""
        return self._auth.tokens

    async def logout(self) -> None:
        """End the session. Do nothing if it is over already.

        Raises:
            GroundworkError: The service answered with another error than that the session is over.

        """
        response = await auth_logout.asyncio_detailed(client=self.client)
        if response.status_code != HTTPStatus.UNAUTHORIZED:
            ok(response)
        self._auth.tokens = None

    async def aclose(self) -> None:
        """Close the connections. The session stays open in the service."""
        await self.client.get_async_httpx_client().aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class _AsyncRenewal(Renewal):
    def __init__(self, base_url: str, tokens: TokenPair, on_refresh: Callable[[], None] | None) -> None:
        super().__init__(base_url, tokens, on_refresh)
        self._lock = asyncio.Lock()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        tokens = self.tokens
        authorise(request, tokens)
        response = yield request
        await response.aread()
        if tokens is None or not is_refused(response):
            return
        # A call that waited here finds the tokens of the call that came first.
        async with self._lock:
            if self.tokens is tokens:
                answer = yield self.exchange(tokens)
                await answer.aread()
                self.accept(answer)
        if self.tokens is not None:
            authorise(request, self.tokens)
            yield request
