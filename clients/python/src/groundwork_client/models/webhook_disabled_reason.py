from enum import StrEnum
from typing import Self


class WebhookDisabledReason(StrEnum):
    FAILING = "failing"
    GONE = "gone"
    MANUAL = "manual"

    @classmethod
    def _missing_(cls, value: object) -> Self:
        """A value that this version does not know."""
        unknown = str.__new__(cls, value)
        unknown._name_ = "UNKNOWN"
        unknown._value_ = str(value)
        return unknown

    def __str__(self) -> str:
        return str(self.value)
