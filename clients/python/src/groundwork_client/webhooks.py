"""Verification of webhook messages."""

import binascii
import hashlib
import hmac
import time
from base64 import b64decode
from collections.abc import Mapping
from enum import StrEnum, auto

_PREFIX = "whsec_"
_MIN_KEY, _MAX_KEY = 24, 64
_TOLERANCE_SECONDS = 5 * 60
_MAX_DIGITS = 12


class WebhookProblem(StrEnum):
    """Why a message is refused.

    Attributes:
        SECRET: The secret is not `whsec_` and 24 to 64 bytes in base64.
        HEADER: A header is missing or malformed.
        TIMESTAMP: The message was sent more than five minutes ago, or one of the clocks is wrong.
        SIGNATURE: No signature is that of the secret, or the message was changed.

    """

    SECRET = auto()
    HEADER = auto()
    TIMESTAMP = auto()
    SIGNATURE = auto()


class WebhookError(Exception):
    """A message that must not be processed.

    Attributes:
        problem: Why it is refused.

    """

    def __init__(self, problem: WebhookProblem) -> None:
        self.problem = problem
        super().__init__(f"the webhook message is refused: {problem}")


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> None:
    """Verify that a webhook message is authentic and recent.

    Args:
        secret: The secret of the webhook, `whsec_…`.
        headers: The headers of the request, with names in any case.
        body: The body exactly as it was received, before any parsing.
        now: The current time in seconds since 1970; by default that of the machine.

    Raises:
        WebhookError: The message must not be processed.

    """
    key = _decode(secret.removeprefix(_PREFIX)) if secret.startswith(_PREFIX) else None
    if key is None or not _MIN_KEY <= len(key) <= _MAX_KEY:
        raise WebhookError(WebhookProblem.SECRET)
    by_name = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp, signatures = (
        by_name.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
    )
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MAX_DIGITS
    if not message_id or not signatures or not is_number:
        raise WebhookError(WebhookProblem.HEADER)
    if abs(int(time.time() if now is None else now) - int(timestamp)) > _TOLERANCE_SECONDS:
        raise WebhookError(WebhookProblem.TIMESTAMP)
    expected = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    for signature in signatures.split(" "):
        version, _, encoded = signature.partition(",")
        found = _decode(encoded) if version == "v1" else None
        if found is not None and hmac.compare_digest(found, expected):
            return
    raise WebhookError(WebhookProblem.SIGNATURE)


def _decode(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
