"""The routes."""

from typing import Annotated

from fastapi import Depends, FastAPI, Header, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from . import security, services
from .errors import FORBIDDEN, UNAUTHORIZED, ApiError, respond, respond_not_found
from .limits import limited
from .models import User, get_db
from .schemas import Credentials, ProfileChange, RefreshRequest, TokenPair, UserOut, UserPage

app = FastAPI()
app.add_exception_handler(ApiError, respond)
app.add_exception_handler(404, respond_not_found)

Db = Annotated[AsyncSession, Depends(get_db)]
Agent = Annotated[str | None, Header(alias="user-agent")]


async def current_user(db: Db, authorization: Annotated[str | None, Header()] = None) -> User:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise UNAUTHORIZED
    return await services.user_of(db, security.verify(token, "access"))


Me = Annotated[User, Depends(current_user)]


async def superuser(user: Me) -> User:
    if not user.is_superuser:
        raise FORBIDDEN
    return user


@app.get("/api/v1/health/live")
async def live() -> dict[str, str]:
    return {"status": "ok", "version": "1.1.0"}


@app.get("/api/v1/users/me", dependencies=[Depends(limited)])
async def me(user: Me) -> UserOut:
    return UserOut.model_validate(user)


@app.get("/api/v1/users", dependencies=[Depends(limited), Depends(superuser)])
async def users(db: Db, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> UserPage:
    items, next_page = await services.page(db, limit)
    return UserPage(items=[UserOut.model_validate(user) for user in items], next_page=next_page)


@app.patch("/api/v1/users/me", dependencies=[Depends(limited)])
async def change_me(db: Db, user: Me, change: ProfileChange) -> UserOut:
    return UserOut.model_validate(await services.rename(db, user, change.full_name))


@app.post("/api/v1/auth/login")
async def login(db: Db, request: Request, credentials: Credentials, agent: Agent = None) -> TokenPair:
    ip = request.client.host if request.client else ""
    pair = await services.log_in(db, credentials.email, credentials.password, ip, agent)
    return TokenPair.model_validate(pair)


@app.post("/api/v1/auth/refresh")
async def refresh(db: Db, request: Request, body: RefreshRequest, agent: Agent = None) -> TokenPair:
    ip = request.client.host if request.client else ""
    return TokenPair.model_validate(await services.refresh(db, body.refresh_token, ip, agent))
