"""What goes over the wire."""

import unicodedata
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer


def rfc3339(instant: datetime) -> str:
    """Without the zeros at the end of the fraction, which pydantic's own format keeps."""
    text = instant.isoformat()[:-6]  # PostgreSQL's driver gives UTC: "+00:00"
    return f"{text.rstrip('0') if instant.microsecond else text}Z"


def normal_email(text: str) -> str:
    email = unicodedata.normalize("NFKC", text).strip().lower()
    if "@" not in email:
        raise ValueError("must contain an @")
    return email


def printable_name(text: str) -> str:
    name = text.strip()
    if not name:
        raise ValueError("must not be blank")
    if any(unicodedata.category(char) == "Cc" for char in name):
        raise ValueError("must not contain control characters")
    return name


Instant = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
Email = Annotated[str, AfterValidator(normal_email)]
FullName = Annotated[str, Field(max_length=255), AfterValidator(printable_name)]


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str


class UserOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    email: str
    full_name: str | None
    is_active: bool
    is_superuser: bool
    is_verified: bool
    created_at: Instant
    updated_at: Instant


class UserPage(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    items: list[UserOut]
    next_page: str | None


class ProfileUpdate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    full_name: FullName | None = None


class LoginRequest(BaseModel):
    email: Email
    password: str


class RefreshRequest(BaseModel):
    refresh_token: Annotated[str, Field(min_length=1, max_length=4096)]


class TokenPair(BaseModel):
    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
