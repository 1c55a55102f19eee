"""The service without a session, for operations that need none and to open sessions."""

from collections.abc import Callable, Generator
from typing import Self

import httpx

from .async_session import AsyncSession
from .client import AuthenticatedClient
from .resources import AsyncResources, Resources
from .retries import AsyncRetries, OnRetry, Retries
from .session import Session


class Groundwork(Resources):
    """The service at an address. Several threads may use it.

    With an `api_key` (`gwk_…`), its calls send the key, which needs no session and no refresh. A call that the scopes
    of the key do not allow fails with `ErrorCode.INSUFFICIENT_SCOPE`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        on_refresh: Callable[[], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> None:
        self._base_url, self._on_refresh, self._on_retry = base_url, on_refresh, on_retry
        http = httpx.Client(base_url=base_url, auth=_key_auth(api_key), transport=Retries(on_retry))
        # Without an API key, its HTTP client sends no token.
        self.client = AuthenticatedClient(base_url, token="").set_httpx_client(http)
        super().__init__(self.client)

    def login(self, email: str, password: str) -> Session:
        """Open a session with `auth_login`.

        Raises:
            GroundworkError: The service answered with an error.

        """
        return Session.login(self._base_url, email, password, on_refresh=self._on_refresh, on_retry=self._on_retry)

    def close(self) -> None:
        """Close the connections, and not those of sessions."""
        self.client.get_httpx_client().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncGroundwork(AsyncResources):
    """Does the same for asyncio."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        on_refresh: Callable[[], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> None:
        self._base_url, self._on_refresh, self._on_retry = base_url, on_refresh, on_retry
        http = httpx.AsyncClient(base_url=base_url, auth=_key_auth(api_key), transport=AsyncRetries(on_retry))
        self.client = AuthenticatedClient(base_url, token="").set_async_httpx_client(http)
        super().__init__(self.client)

    async def login(self, email: str, password: str) -> AsyncSession:
        """Open a session with `auth_login`.

        Raises:
            GroundworkError: The service answered with an error.

        """
        return await AsyncSession.login(
            self._base_url, email, password, on_refresh=self._on_refresh, on_retry=self._on_retry
        )

    async def aclose(self) -> None:
        """Close the connections, and not those of sessions."""
        await self.client.get_async_httpx_client().aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class _KeyAuth(httpx.Auth):
    def __init__(self, key: str) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._key}"
        yield request


def _key_auth(key: str | None) -> _KeyAuth | None:
    return None if key is None else _KeyAuth(key)
