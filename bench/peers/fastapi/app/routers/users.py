from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.database import Database
from app.dependencies import CurrentUser, Superuser
from app.models import User
from app.schemas import ProfileUpdate, UserOut, UserPage
from app.services import users

router = APIRouter(prefix="/users", tags=["users"])


@router.get("/me", response_model=UserOut)
async def me(user: CurrentUser) -> User:
    return user


@router.patch("/me", response_model=UserOut)
async def update_me(user: CurrentUser, body: ProfileUpdate, db: Database) -> User:
    return await users.change(db, user, body.model_dump(exclude_unset=True))


@router.get("", response_model=UserPage)
async def list_users(
    _: Superuser,
    db: Database,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    page_token: str | None = None,
) -> dict[str, Any]:
    items, next_page = await users.list_users(db, limit, page_token)
    return {"items": items, "next_page": next_page}
