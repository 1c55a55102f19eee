"""Tokens and passwords."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass

import bcrypt
import jwt
from fastapi.concurrency import run_in_threadpool

from . import settings
from .errors import INVALID_TOKEN

LEEWAY = 5


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def digest(purpose: str, text: str) -> bytes:
    return hashlib.sha256(f"{purpose}\0{text}".encode()).digest()


@dataclass
class Claims:
    user: int
    session: bytes
    token: str


def token_hash(token: str) -> bytes:
    return digest("groundwork token", token)


def successor(token: str) -> str:
    return encode(digest("groundwork successor", token)[:16])


def new_token() -> str:
    return encode(secrets.token_bytes(16))


def sign(kind: str, user: int, session: bytes, token: str, lifetime: int) -> str:
    now = int(time.time())
    claims = {
        "sub": str(user), "exp": now + lifetime, "iat": now, "type": kind, "jti": token, "sid": encode(session),
    }
    return jwt.encode(claims, settings.SECRET, algorithm="HS256")


def pair(user: int, session: bytes, token: str) -> dict[str, str | int]:
    access = encode(digest("groundwork access", token)[:16])
    return {
        "access_token": sign("access", user, session, access, settings.ACCESS_SECONDS),
        "refresh_token": sign("refresh", user, session, token, settings.REFRESH_SECONDS),
        "expires_in": settings.ACCESS_SECONDS,
    }


def verify(token: str, kind: str) -> Claims:
    try:
        claims = jwt.decode(token, settings.SECRET, algorithms=["HS256"], leeway=LEEWAY)
        if claims["type"] != kind:
            raise INVALID_TOKEN
        return Claims(int(claims["sub"]), decode(claims["sid"]), claims["jti"])
    except (jwt.InvalidTokenError, KeyError, ValueError) as error:
        raise INVALID_TOKEN from error


async def password_matches(password: str, hashed: str) -> bool:
    return await run_in_threadpool(bcrypt.checkpw, password.encode(), hashed.encode())
