from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.api_key_page import ApiKeyPage
from ...models.error_body import ErrorBody
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    limit: int | Unset = 20,
    page_token: str | Unset = UNSET,
    sort: str | Unset = UNSET,
    user_id: int | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["limit"] = limit

    params["page_token"] = page_token

    params["sort"] = sort

    params["user_id"] = user_id

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/api-keys",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ApiKeyPage | ErrorBody | None:
    if response.status_code == 200:
        response_200 = ApiKeyPage.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = ErrorBody.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = ErrorBody.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ErrorBody.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = ErrorBody.from_dict(response.json())

        return response_404

    if response.status_code == 422:
        response_422 = ErrorBody.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = ErrorBody.from_dict(response.json())

        return response_429

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
) -> Response[ApiKeyPage | ErrorBody]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 20,
    page_token: str | Unset = UNSET,
    sort: str | Unset = UNSET,
    user_id: int | Unset = UNSET,
) -> Response[ApiKeyPage | ErrorBody]:
    """List API keys

     Returns one page of the caller's API keys in ascending order of `id`, or with
    `sort=-created_at` in descending order. To get the next page, send `next_page` as `page_token`
    with the same `user_id` and the same `sort`, until it is null. Keys are deleted 30 days after
    they have expired.

    API keys are refused.

    Args:
        limit (int | Unset):  Default: 20.
        page_token (str | Unset):
        sort (str | Unset):
        user_id (int | Unset): The user's ID.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ApiKeyPage | ErrorBody]
    """

    kwargs = _get_kwargs(
        limit=limit,
        page_token=page_token,
        sort=sort,
        user_id=user_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 20,
    page_token: str | Unset = UNSET,
    sort: str | Unset = UNSET,
    user_id: int | Unset = UNSET,
) -> ApiKeyPage | ErrorBody | None:
    """List API keys

     Returns one page of the caller's API keys in ascending order of `id`, or with
    `sort=-created_at` in descending order. To get the next page, send `next_page` as `page_token`
    with the same `user_id` and the same `sort`, until it is null. Keys are deleted 30 days after
    they have expired.

    API keys are refused.

    Args:
        limit (int | Unset):  Default: 20.
        page_token (str | Unset):
        sort (str | Unset):
        user_id (int | Unset): The user's ID.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ApiKeyPage | ErrorBody
    """

    return sync_detailed(
        client=client,
        limit=limit,
        page_token=page_token,
        sort=sort,
        user_id=user_id,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 20,
    page_token: str | Unset = UNSET,
    sort: str | Unset = UNSET,
    user_id: int | Unset = UNSET,
) -> Response[ApiKeyPage | ErrorBody]:
    """List API keys

     Returns one page of the caller's API keys in ascending order of `id`, or with
    `sort=-created_at` in descending order. To get the next page, send `next_page` as `page_token`
    with the same `user_id` and the same `sort`, until it is null. Keys are deleted 30 days after
    they have expired.

    API keys are refused.

    Args:
        limit (int | Unset):  Default: 20.
        page_token (str | Unset):
        sort (str | Unset):
        user_id (int | Unset): The user's ID.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ApiKeyPage | ErrorBody]
    """

    kwargs = _get_kwargs(
        limit=limit,
        page_token=page_token,
        sort=sort,
        user_id=user_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 20,
    page_token: str | Unset = UNSET,
    sort: str | Unset = UNSET,
    user_id: int | Unset = UNSET,
) -> ApiKeyPage | ErrorBody | None:
    """List API keys

     Returns one page of the caller's API keys in ascending order of `id`, or with
    `sort=-created_at` in descending order. To get the next page, send `next_page` as `page_token`
    with the same `user_id` and the same `sort`, until it is null. Keys are deleted 30 days after
    they have expired.

    API keys are refused.

    Args:
        limit (int | Unset):  Default: 20.
        page_token (str | Unset):
        sort (str | Unset):
        user_id (int | Unset): The user's ID.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ApiKeyPage | ErrorBody
    """

    return (
        await asyncio_detailed(
            client=client,
            limit=limit,
            page_token=page_token,
            sort=sort,
            user_id=user_id,
        )
    ).parsed
