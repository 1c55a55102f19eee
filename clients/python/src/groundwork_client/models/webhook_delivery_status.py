from enum import StrEnum
from typing import Self


class WebhookDeliveryStatus(StrEnum):
    DELIVERED = "delivered"
    FAILED = "failed"
    PENDING = "pending"

    @classmethod
    def _missing_(cls, value: object) -> Self:
        """A value that this version does not know."""
        unknown = str.__new__(cls, value)
        unknown._name_ = "UNKNOWN"
        unknown._value_ = str(value)
        return unknown

    def __str__(self) -> str:
        return str(self.value)
