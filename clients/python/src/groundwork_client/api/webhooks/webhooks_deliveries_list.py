from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error_body import ErrorBody
from ...models.webhook_delivery_page import WebhookDeliveryPage
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: int,
    *,
    limit: int | Unset = 20,
    page_token: str | Unset = UNSET,
    sort: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["limit"] = limit

    params["page_token"] = page_token

    params["sort"] = sort

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/webhooks/{id}/deliveries".format(
            id=quote(str(id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorBody | WebhookDeliveryPage | None:
    if response.status_code == 200:
        response_200 = WebhookDeliveryPage.from_dict(response.json())

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
) -> Response[ErrorBody | WebhookDeliveryPage]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    id: int,
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 20,
    page_token: str | Unset = UNSET,
    sort: str | Unset = UNSET,
) -> Response[ErrorBody | WebhookDeliveryPage]:
    """List the deliveries of a webhook

     Returns one page of deliveries in descending order of `id`, the newest first, or with
    `sort=created_at` in ascending order. To get the next page, send `next_page` as `page_token`
    with the same `sort`, until it is null. Deliveries are deleted 30 days after they have ended.

    Requires the role `superuser`. An API key needs the scope `webhooks:read`.

    Args:
        id (int):
        limit (int | Unset):  Default: 20.
        page_token (str | Unset):
        sort (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | WebhookDeliveryPage]
    """

    kwargs = _get_kwargs(
        id=id,
        limit=limit,
        page_token=page_token,
        sort=sort,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    id: int,
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 20,
    page_token: str | Unset = UNSET,
    sort: str | Unset = UNSET,
) -> ErrorBody | WebhookDeliveryPage | None:
    """List the deliveries of a webhook

     Returns one page of deliveries in descending order of `id`, the newest first, or with
    `sort=created_at` in ascending order. To get the next page, send `next_page` as `page_token`
    with the same `sort`, until it is null. Deliveries are deleted 30 days after they have ended.

    Requires the role `superuser`. An API key needs the scope `webhooks:read`.

    Args:
        id (int):
        limit (int | Unset):  Default: 20.
        page_token (str | Unset):
        sort (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | WebhookDeliveryPage
    """

    return sync_detailed(
        id=id,
        client=client,
        limit=limit,
        page_token=page_token,
        sort=sort,
    ).parsed


async def asyncio_detailed(
    id: int,
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 20,
    page_token: str | Unset = UNSET,
    sort: str | Unset = UNSET,
) -> Response[ErrorBody | WebhookDeliveryPage]:
    """List the deliveries of a webhook

     Returns one page of deliveries in descending order of `id`, the newest first, or with
    `sort=created_at` in ascending order. To get the next page, send `next_page` as `page_token`
    with the same `sort`, until it is null. Deliveries are deleted 30 days after they have ended.

    Requires the role `superuser`. An API key needs the scope `webhooks:read`.

    Args:
        id (int):
        limit (int | Unset):  Default: 20.
        page_token (str | Unset):
        sort (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | WebhookDeliveryPage]
    """

    kwargs = _get_kwargs(
        id=id,
        limit=limit,
        page_token=page_token,
        sort=sort,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    id: int,
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 20,
    page_token: str | Unset = UNSET,
    sort: str | Unset = UNSET,
) -> ErrorBody | WebhookDeliveryPage | None:
    """List the deliveries of a webhook

     Returns one page of deliveries in descending order of `id`, the newest first, or with
    `sort=created_at` in ascending order. To get the next page, send `next_page` as `page_token`
    with the same `sort`, until it is null. Deliveries are deleted 30 days after they have ended.

    Requires the role `superuser`. An API key needs the scope `webhooks:read`.

    Args:
        id (int):
        limit (int | Unset):  Default: 20.
        page_token (str | Unset):
        sort (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | WebhookDeliveryPage
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            limit=limit,
            page_token=page_token,
            sort=sort,
        )
    ).parsed
