from enum import StrEnum
from typing import Self


class ErrorCode(StrEnum):
    EMAIL_NOT_VERIFIED = "email_not_verified"
    EMAIL_TAKEN = "email_taken"
    FORBIDDEN = "forbidden"
    IDEMPOTENCY_IN_PROGRESS = "idempotency_in_progress"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    INTERNAL_ERROR = "internal_error"
    INVALID_CREDENTIALS = "invalid_credentials"
    INVALID_LINK = "invalid_link"
    INVALID_TOKEN = "invalid_token"
    JOB_DUPLICATE = "job_duplicate"
    JOB_EXPIRED = "job_expired"
    JOB_NOT_DEAD = "job_not_dead"
    JOB_RUNNING = "job_running"
    LAST_SUPERUSER = "last_superuser"
    MALFORMED_REQUEST = "malformed_request"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_FOUND = "not_found"
    NOT_IMPLEMENTED = "not_implemented"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    PRECONDITION_FAILED = "precondition_failed"
    RATE_LIMITED = "rate_limited"
    REGISTRATION_CLOSED = "registration_closed"
    REQUEST_TIMEOUT = "request_timeout"
    SERVICE_UNAVAILABLE = "service_unavailable"
    TOO_MANY_API_KEYS = "too_many_api_keys"
    UNAUTHORIZED = "unauthorized"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    VALIDATION_ERROR = "validation_error"

    @classmethod
    def _missing_(cls, value: object) -> Self:
        """A value that this version does not know."""
        unknown = str.__new__(cls, value)
        unknown._name_ = "UNKNOWN"
        unknown._value_ = str(value)
        return unknown

    def __str__(self) -> str:
        return str(self.value)
