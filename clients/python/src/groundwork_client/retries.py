"""Retries when the service asks for them."""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

MAX_RETRIES = 3
MAX_WAIT_SECONDS = 60.0
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
IDEMPOTENCY_KEY = "Idempotency-Key"


def new_key() -> str:
    """Make a new `Idempotency-Key`: a request that is sent again with its key has its effect once."""
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Retry:
    """A request that is about to be sent again. The path has no query, because filters may contain personal data."""

    method: str
    path: str
    status: int
    seconds: float


OnRetry = Callable[[Retry], None]


def plan(request: httpx.Request, response: httpx.Response, retries: int) -> Retry | None:
    """Decide whether to send the request again, and when.

    After a 429 nothing was done. After a 503 the request may have been carried out, which an idempotency key makes
    harmless.
    """
    idempotent = request.method in IDEMPOTENT or IDEMPOTENCY_KEY in request.headers
    unavailable = response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and idempotent
    if retries == MAX_RETRIES or not (unavailable or response.status_code == HTTPStatus.TOO_MANY_REQUESTS):
        return None
    seconds = wait_of(response.headers.get("Retry-After"), default=float(2**retries))
    if seconds > MAX_WAIT_SECONDS:
        return None
    return Retry(request.method, request.url.path, response.status_code, seconds)


def wait_of(retry_after: str | None, default: float) -> float:
    """Parse `Retry-After`, seconds or a date (RFC 9110, 10.2.3), to seconds."""
    if retry_after is None:
        return default
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return default


class Retries(httpx.BaseTransport):
    """Sends requests, and retries them when the service asks for it."""

    def __init__(self, on_retry: OnRetry | None = None, inner: httpx.BaseTransport | None = None) -> None:
        self._inner = inner or httpx.HTTPTransport()
        self._on_retry = on_retry

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        retries = 0
        while True:
            response = self._inner.handle_request(request)
            retry = plan(request, response, retries)
            if retry is None:
                return response
            response.close()
            if self._on_retry:
                self._on_retry(retry)
            time.sleep(retry.seconds)
            retries += 1

    def close(self) -> None:
        self._inner.close()


class AsyncRetries(httpx.AsyncBaseTransport):
    """Does the same for asyncio."""

    def __init__(self, on_retry: OnRetry | None = None, inner: httpx.AsyncBaseTransport | None = None) -> None:
        self._inner = inner or httpx.AsyncHTTPTransport()
        self._on_retry = on_retry

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        retries = 0
        while True:
            response = await self._inner.handle_async_request(request)
            retry = plan(request, response, retries)
            if retry is None:
                return response
            await response.aclose()
            if self._on_retry:
                self._on_retry(retry)
            await asyncio.sleep(retry.seconds)
            retries += 1

    async def aclose(self) -> None:
        await self._inner.aclose()
