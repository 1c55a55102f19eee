import datetime
from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error_body import ErrorBody
from ...models.user_page import UserPage
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    limit: int | Unset = 20,
    page_token: str | Unset = UNSET,
    email: str | Unset = UNSET,
    is_active: bool | Unset = UNSET,
    is_superuser: bool | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    sort: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["limit"] = limit

    params["page_token"] = page_token

    params["email"] = email

    params["is_active"] = is_active

    params["is_superuser"] = is_superuser

    json_created_after: str | Unset = UNSET
    if not isinstance(created_after, Unset):
        json_created_after = created_after.isoformat()
    params["created_after"] = json_created_after

    json_created_before: str | Unset = UNSET
    if not isinstance(created_before, Unset):
        json_created_before = created_before.isoformat()
    params["created_before"] = json_created_before

    params["sort"] = sort

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/users",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorBody | UserPage | None:
    if response.status_code == 200:
        response_200 = UserPage.from_dict(response.json())

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
) -> Response[ErrorBody | UserPage]:
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
    email: str | Unset = UNSET,
    is_active: bool | Unset = UNSET,
    is_superuser: bool | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    sort: str | Unset = UNSET,
) -> Response[ErrorBody | UserPage]:
    """List users

     Returns one page of users in ascending order of `id`; with `sort`, `created_after` or
    `created_before`, of `created_at` and `id`. To get the next page, send `next_page` as
    `page_token` with the same filters and the same `sort`, until it is null. Users that are
    created meanwhile are on the last pages, unless the newest come first.

    Requires the role `support` or `superuser`. An API key needs the scope `users:read`.

    Args:
        limit (int | Unset):  Default: 20.
        page_token (str | Unset):
        email (str | Unset):
        is_active (bool | Unset):
        is_superuser (bool | Unset):
        created_after (datetime.datetime | Unset):
        created_before (datetime.datetime | Unset):
        sort (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | UserPage]
    """

    kwargs = _get_kwargs(
        limit=limit,
        page_token=page_token,
        email=email,
        is_active=is_active,
        is_superuser=is_superuser,
        created_after=created_after,
        created_before=created_before,
        sort=sort,
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
    email: str | Unset = UNSET,
    is_active: bool | Unset = UNSET,
    is_superuser: bool | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    sort: str | Unset = UNSET,
) -> ErrorBody | UserPage | None:
    """List users

     Returns one page of users in ascending order of `id`; with `sort`, `created_after` or
    `created_before`, of `created_at` and `id`. To get the next page, send `next_page` as
    `page_token` with the same filters and the same `sort`, until it is null. Users that are
    created meanwhile are on the last pages, unless the newest come first.

    Requires the role `support` or `superuser`. An API key needs the scope `users:read`.

    Args:
        limit (int | Unset):  Default: 20.
        page_token (str | Unset):
        email (str | Unset):
        is_active (bool | Unset):
        is_superuser (bool | Unset):
        created_after (datetime.datetime | Unset):
        created_before (datetime.datetime | Unset):
        sort (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | UserPage
    """

    return sync_detailed(
        client=client,
        limit=limit,
        page_token=page_token,
        email=email,
        is_active=is_active,
        is_superuser=is_superuser,
        created_after=created_after,
        created_before=created_before,
        sort=sort,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 20,
    page_token: str | Unset = UNSET,
    email: str | Unset = UNSET,
    is_active: bool | Unset = UNSET,
    is_superuser: bool | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    sort: str | Unset = UNSET,
) -> Response[ErrorBody | UserPage]:
    """List users

     Returns one page of users in ascending order of `id`; with `sort`, `created_after` or
    `created_before`, of `created_at` and `id`. To get the next page, send `next_page` as
    `page_token` with the same filters and the same `sort`, until it is null. Users that are
    created meanwhile are on the last pages, unless the newest come first.

    Requires the role `support` or `superuser`. An API key needs the scope `users:read`.

    Args:
        limit (int | Unset):  Default: 20.
        page_token (str | Unset):
        email (str | Unset):
        is_active (bool | Unset):
        is_superuser (bool | Unset):
        created_after (datetime.datetime | Unset):
        created_before (datetime.datetime | Unset):
        sort (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | UserPage]
    """

    kwargs = _get_kwargs(
        limit=limit,
        page_token=page_token,
        email=email,
        is_active=is_active,
        is_superuser=is_superuser,
        created_after=created_after,
        created_before=created_before,
        sort=sort,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 20,
    page_token: str | Unset = UNSET,
    email: str | Unset = UNSET,
    is_active: bool | Unset = UNSET,
    is_superuser: bool | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    sort: str | Unset = UNSET,
) -> ErrorBody | UserPage | None:
    """List users

     Returns one page of users in ascending order of `id`; with `sort`, `created_after` or
    `created_before`, of `created_at` and `id`. To get the next page, send `next_page` as
    `page_token` with the same filters and the same `sort`, until it is null. Users that are
    created meanwhile are on the last pages, unless the newest come first.

    Requires the role `support` or `superuser`. An API key needs the scope `users:read`.

    Args:
        limit (int | Unset):  Default: 20.
        page_token (str | Unset):
        email (str | Unset):
        is_active (bool | Unset):
        is_superuser (bool | Unset):
        created_after (datetime.datetime | Unset):
        created_before (datetime.datetime | Unset):
        sort (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | UserPage
    """

    return (
        await asyncio_detailed(
            client=client,
            limit=limit,
            page_token=page_token,
            email=email,
            is_active=is_active,
            is_superuser=is_superuser,
            created_after=created_after,
            created_before=created_before,
            sort=sort,
        )
    ).parsed
