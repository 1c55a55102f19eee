from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.error_code import ErrorCode
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.error_details import ErrorDetails


T = TypeVar("T", bound="ErrorBody")


@_attrs_define
class ErrorBody:
    """The body of every error response.

    Attributes:
        success (bool): Always `false`.
        error (ErrorCode): Why the request failed:

            - `malformed_request` (400): The request is malformed.
            - `invalid_link` (400): This link is invalid, was used before, or has expired.
            - `unauthorized` (401): A bearer token is required.
            - `invalid_token` (401): The token is invalid or has expired.
            - `invalid_credentials` (401): The email or the password is wrong.
            - `forbidden` (403): Your role does not allow this operation.
            - `insufficient_scope` (403): The API key may not do this.
            - `registration_closed` (403): Registration is closed.
            - `email_not_verified` (403): Verify the email address first, with the link in the mail.
            - `not_found` (404): The resource does not exist.
            - `method_not_allowed` (405): The resource does not support this method.
            - `request_timeout` (408): The request took too long to arrive.
            - `email_taken` (409): A user with this email already exists.
            - `last_superuser` (409): The last active superuser cannot be removed.
            - `too_many_api_keys` (409): You have too many API keys. Delete one that is not used.
            - `job_not_dead` (409): Only a dead job can be retried.
            - `job_expired` (409): This job died too long ago: what it needs to run has been deleted.
            - `job_running` (409): The job is running and cannot be deleted.
            - `job_duplicate` (409): Another job for the same work is already queued or running.
            - `idempotency_in_progress` (409): A request with this Idempotency-Key is under way.
            - `precondition_failed` (412): The resource does not meet the condition of the request.
            - `payload_too_large` (413): The body is larger than 1 MiB.
            - `unsupported_media_type` (415): The body must be application/json.
            - `validation_error` (422): The request contains invalid values.
            - `idempotency_key_reused` (422): This Idempotency-Key belongs to another request.
            - `rate_limited` (429): Too many requests. Try again later.
            - `internal_error` (500): An internal error occurred.
            - `not_implemented` (501): The only supported transfer coding is chunked.
            - `service_unavailable` (503): The service is unavailable. Try again soon.
        message (str): A message for people. It may change; programs read `error`.
        request_id (str): Identifies this request in the logs. The `X-Request-Id` header repeats it.
        details (ErrorDetails | Unset): Additional information about the error, if any.
    """

    success: bool
    error: ErrorCode
    message: str
    request_id: str
    details: ErrorDetails | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        success = self.success

        error = self.error.value

        message = self.message

        request_id = self.request_id

        details: dict[str, Any] | Unset = UNSET
        if not isinstance(self.details, Unset):
            details = self.details.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "success": success,
                "error": error,
                "message": message,
                "request_id": request_id,
            }
        )
        if details is not UNSET:
            field_dict["details"] = details

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.error_details import ErrorDetails  # noqa: PLC0415

        d = dict(src_dict)
        success = d.pop("success")

        error = ErrorCode(d.pop("error"))

        message = d.pop("message")

        request_id = d.pop("request_id")

        _details = d.pop("details", UNSET)
        details: ErrorDetails | Unset
        if isinstance(_details, Unset):
            details = UNSET
        else:
            details = ErrorDetails.from_dict(_details)

        error_body = cls(
            success=success,
            error=error,
            message=message,
            request_id=request_id,
            details=details,
        )

        error_body.additional_properties = d
        return error_body

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
