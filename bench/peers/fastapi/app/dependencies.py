"""Who is calling."""

from typing import Annotated

from fastapi import Depends, Request

from app import rate_limit, tokens
from app.database import Database
from app.errors import ApiError
from app.models import User
from app.services import auth


async def bearer_token(request: Request) -> str:
    # FastAPI's HTTPBearer has an error body of its own.
    value = request.headers.get("authorization")
    scheme, _, token = (value or "").partition(" ")
    if scheme.lower() != "bearer":
        raise ApiError("unauthorized")
    # Counted before it is checked: who guesses tokens is counted too.
    client = request.client.host if request.client else ""
    await rate_limit.count(client, f"{request.method} {request.scope['route'].path}")
    return token.strip(" ")


async def verified_token(token: Annotated[str, Depends(bearer_token)]) -> tokens.Verified:
    return tokens.verify(token, "access")


# The token comes first: who has none takes no connection.
async def current_user(verified: Annotated[tokens.Verified, Depends(verified_token)], db: Database) -> User:
    return await auth.authenticate(db, verified)


CurrentUser = Annotated[User, Depends(current_user)]


async def superuser(user: CurrentUser) -> User:
    if not user.is_superuser:
        raise ApiError("forbidden")
    return user


Superuser = Annotated[User, Depends(superuser)]
