from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error_body import ErrorBody
from ...models.readiness import Readiness
from ...types import Response


def _get_kwargs() -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/health/ready",
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorBody | Readiness | None:
    if response.status_code == 200:
        response_200 = Readiness.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = ErrorBody.from_dict(response.json())

        return response_400

    if response.status_code == 500:
        response_500 = ErrorBody.from_dict(response.json())

        return response_500

    if response.status_code == 503:
        response_503 = ErrorBody.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ErrorBody | Readiness]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
) -> Response[ErrorBody | Readiness]:
    """Check readiness

     Returns 200 when this instance can serve requests, including when it is `degraded`: without
    Redis, each instance limits and caches on its own; without a replica, the primary serves all
    reads; with a job that has been due for more than five minutes, work after the response is
    late. Returns 503 when it cannot serve requests, with the dependencies in
    `details.dependencies`, and when it is shutting down. For load balancers.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | Readiness]
    """

    kwargs = _get_kwargs()

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
) -> ErrorBody | Readiness | None:
    """Check readiness

     Returns 200 when this instance can serve requests, including when it is `degraded`: without
    Redis, each instance limits and caches on its own; without a replica, the primary serves all
    reads; with a job that has been due for more than five minutes, work after the response is
    late. Returns 503 when it cannot serve requests, with the dependencies in
    `details.dependencies`, and when it is shutting down. For load balancers.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | Readiness
    """

    return sync_detailed(
        client=client,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
) -> Response[ErrorBody | Readiness]:
    """Check readiness

     Returns 200 when this instance can serve requests, including when it is `degraded`: without
    Redis, each instance limits and caches on its own; without a replica, the primary serves all
    reads; with a job that has been due for more than five minutes, work after the response is
    late. Returns 503 when it cannot serve requests, with the dependencies in
    `details.dependencies`, and when it is shutting down. For load balancers.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | Readiness]
    """

    kwargs = _get_kwargs()

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
) -> ErrorBody | Readiness | None:
    """Check readiness

     Returns 200 when this instance can serve requests, including when it is `degraded`: without
    Redis, each instance limits and caches on its own; without a replica, the primary serves all
    reads; with a job that has been due for more than five minutes, work after the response is
    late. Returns 503 when it cannot serve requests, with the dependencies in
    `details.dependencies`, and when it is shutting down. For load balancers.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | Readiness
    """

    return (
        await asyncio_detailed(
            client=client,
        )
    ).parsed
