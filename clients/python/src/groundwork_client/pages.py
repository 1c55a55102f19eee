"""Lists as one sequence."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Generic, Protocol, TypeVar

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
        page = _content(list_page(token))
        yield from page.items
        token = page.next_page


class Pager(Generic[Item_co]):
    """A list. Iterate over it to get all items; each page is requested when its first item is needed.

    Iterating and `page` raise a `GroundworkError` if the service answers with an error.
    """

    def __init__(self, list_page: Callable[[str | Unset], PageResponse[Item_co]]) -> None:
        self._list_page = list_page

    def __iter__(self) -> Iterator[Item_co]:
        return pages(self._list_page)

    def page(self, token: str | None = None) -> Page[Item_co]:
        """Get one page: the first one, or the one that a page before it named as `next_page`."""
        return _content(self._list_page(UNSET if token is None else token))


class AsyncPager(Generic[Item_co]):
    """Does the same for asyncio, with `async for`."""

    def __init__(self, list_page: Callable[[str | Unset], Awaitable[PageResponse[Item_co]]]) -> None:
        self._list_page = list_page

    async def __aiter__(self) -> AsyncIterator[Item_co]:
        token: str | None = None
        while True:
            page = await self.page(token)
            for item in page.items:
                yield item
            token = page.next_page
            if token is None:
                return

    async def page(self, token: str | None = None) -> Page[Item_co]:
        """Get one page: the first one, or the one that a page before it named as `next_page`."""
        return _content(await self._list_page(UNSET if token is None else token))


def _content(response: PageResponse[Item_co]) -> Page[Item_co]:
    page = response.parsed
    if page is None or isinstance(page, ErrorBody):
        raise GroundworkError(response.status_code, page)
    return page
