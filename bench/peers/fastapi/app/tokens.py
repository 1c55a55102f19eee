"""Access and refresh tokens: JWTs signed with HS256."""

import hashlib
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import jwt

from app.errors import ApiError
from app.settings import settings

Kind = Literal["access", "refresh"]

# How far the clocks of two instances may differ.
LEEWAY = timedelta(seconds=5)
MAX_TOKEN_BYTES = 2048


@dataclass(frozen=True)
class Verified:
    user: int
    session: bytes
    jti: str


def encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def digest(purpose: str, text: str) -> bytes:
    return hashlib.sha256(f"{purpose}\0{text}".encode()).digest()


KEY_ID = encode(digest("groundwork key id", settings.jwt_secret_key)[:6])


def new_id() -> str:
    return encode(secrets.token_bytes(16))


def successor(jti: str) -> str:
    """The one refresh token that follows: a lost answer can be given again, so it is a function of the id."""
    return encode(digest("groundwork successor", jti)[:16])


def access_id(jti: str) -> str:
    return encode(digest("groundwork access", jti)[:16])


def hash_of(jti: str) -> bytes:
    """What the database keeps instead of the token."""
    return digest("groundwork token", jti)


def sign(kind: Kind, user: int, session: bytes, jti: str, issued: datetime, lifetime: timedelta) -> str:
    claims = {
        "sub": str(user),
        "exp": int((issued + lifetime).timestamp()),
        "iat": int(issued.timestamp()),
        "type": kind,
        "jti": jti,
        "sid": encode(session),
    }
    return jwt.encode(claims, settings.jwt_secret_key, "HS256", headers={"kid": KEY_ID})


def verify(token: str, kind: Kind) -> Verified:
    """Checks all that can be known without the database."""
    if len(token) > MAX_TOKEN_BYTES:
        raise ApiError("invalid_token")
    try:
        signed = jwt.decode_complete(
            token,
            settings.jwt_secret_key,
            algorithms=["HS256"],
            leeway=LEEWAY,
            options={"require": ["sub", "exp", "iat", "jti", "sid", "type"]},
        )
        claims = signed["payload"]
        if claims["type"] != kind or signed["header"].get("kid", KEY_ID) != KEY_ID:
            raise ApiError("invalid_token")
        return Verified(user=int(claims["sub"]), session=decode(claims["sid"]), jti=claims["jti"])
    except (jwt.InvalidTokenError, ValueError, TypeError) as error:
        raise ApiError("invalid_token") from error
