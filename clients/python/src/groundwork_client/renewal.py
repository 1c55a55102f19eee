"""The exchange of a refresh token for new tokens, without the sending of it."""

from collections.abc import Callable
from http import HTTPStatus

import httpx

from .models import ErrorCode, TokenPair

REFRESH_PATH = "/api/v1/auth/refresh"


class Renewal(httpx.Auth):
    """The tokens of a session, and what replaces them."""

    requires_response_body = True

    def __init__(self, base_url: str, tokens: TokenPair, on_refresh: Callable[[], None] | None) -> None:
        self.tokens: TokenPair | None = tokens
        self._url = httpx.URL(base_url.rstrip("/") + REFRESH_PATH)
        self._on_refresh = on_refresh

    def exchange(self, spent: TokenPair) -> httpx.Request:
        """Build the request that exchanges the refresh token."""
        return httpx.Request("POST", self._url, json={"refresh_token": spent.refresh_token})

    def accept(self, answer: httpx.Response) -> None:
        """Replace the tokens by those of the answer. If the service refused, the session is over."""
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            self.tokens = None
            return
        answer.raise_for_status()
        self.tokens = TokenPair.from_dict(answer.json())
        if self._on_refresh:
            self._on_refresh()


def authorise(request: httpx.Request, tokens: TokenPair | None) -> None:
    """Put the access token into the request."""
    request.headers.pop("Authorization", None)
    if tokens is not None:
        request.headers["Authorization"] = f"Bearer {tokens.access_token}"


def is_refused(response: httpx.Response) -> bool:
    """Whether the response refuses the access token, for example because it has expired."""
    if response.status_code != HTTPStatus.UNAUTHORIZED:
        return False
    try:
        body = response.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("error") == ErrorCode.INVALID_TOKEN.value
