from enum import StrEnum
from typing import Self


class UserEventType(StrEnum):
    USER_ACTIVATED = "user.activated"
    USER_CREATED = "user.created"
    USER_DEACTIVATED = "user.deactivated"
    USER_DELETED = "user.deleted"
    USER_EMAIL_VERIFIED = "user.email_verified"
    USER_PASSWORD_CHANGED = "user.password_changed"
    USER_UPDATED = "user.updated"

    @classmethod
    def _missing_(cls, value: object) -> Self:
        """A value that this version does not know."""
        unknown = str.__new__(cls, value)
        unknown._name_ = "UNKNOWN"
        unknown._value_ = str(value)
        return unknown

    def __str__(self) -> str:
        return str(self.value)
