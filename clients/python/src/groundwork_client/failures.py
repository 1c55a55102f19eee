"""Error responses as an exception."""

import json
from http import HTTPStatus
from typing import TypeVar

from .models import ErrorBody, ErrorCode, FieldProblem
from .types import Response, Unset

T = TypeVar("T")


class GroundworkError(Exception):
    """A response that is an error.

    Attributes:
        status: The HTTP status.
        code: The error code; None if a proxy sent the response. Handle an unknown code by the status.
        fields: All invalid fields of a `validation_error`.
        request_id: The id of the request in the service's logs.

    """

    def __init__(self, status: HTTPStatus, error: ErrorBody | None) -> None:
        self.status = status
        self.code: ErrorCode | None = error.error if error else None
        self.request_id: str | None = error.request_id if error else None
        self.fields: list[FieldProblem] = []
        if error and not isinstance(error.details, Unset) and not isinstance(error.details.fields, Unset):
            self.fields = error.details.fields
        super().__init__(f"{error.message} ({error.error})" if error else f"not the service's answer ({status})")


def ok(response: Response[ErrorBody | T]) -> T:
    """Return the content of a successful response.

    Raises:
        GroundworkError: The service answered with an error.

    """
    parsed = response.parsed
    if isinstance(parsed, ErrorBody):
        raise GroundworkError(response.status_code, parsed)
    if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
        # A status that the operation does not document, from a newer service or a proxy, or a 304.
        raise GroundworkError(response.status_code, _read(response.content))
    # A 204 has no content. T is then None.
    return parsed  # type: ignore[return-value]


def _read(content: bytes) -> ErrorBody | None:
    try:
        return ErrorBody.from_dict(json.loads(content))
    except (ValueError, KeyError, TypeError):
        return None
