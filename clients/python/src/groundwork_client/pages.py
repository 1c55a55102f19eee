"""Lists as one sequence."""

from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Protocol, TypeVar

from .failures import GroundworkError
from .models import ErrorBody
from .types import UNSET, Unset

Item_co = TypeVar("Item_co", covariant=True)


class Page(Protocol[Item_co]):
    """The response body of every list operation."""

    @property
    def items(self) -> Sequence[Item_co]: ...
    @property
    def next_page(self) -> str | None: ...


class PageResponse(Protocol[Item_co]):
    """The response of a list operation."""

    @property
    def status_code(self) -> HTTPStatus: ...
    @property
    def parsed(self) -> ErrorBody | Page[Item_co] | None: ...


def pages(list_page: Callable[[str | Unset], PageResponse[Item_co]]) -> Iterator[Item_co]:
    """Iterate over all items of a list; each page is requested when its first item is needed.

    `list_page` is called with the page token, once a page, and passes the same filters each time:
    `pages(lambda token: users_list.sync_detailed(client=session.client, page_token=token, limit=100))`.

    Raises:
        GroundworkError: The service answered with an error.

    """
    token: str | Unset | None = UNSET
    while token is not None:
        response = list_page(token)
        page = response.parsed
        if page is None or isinstance(page, ErrorBody):
            raise GroundworkError(response.status_code, page)
        yield from page.items
        token = page.next_page
