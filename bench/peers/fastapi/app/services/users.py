"""Accounts."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ApiError
from app.models import User
from app.tokens import decode, encode


async def list_users(
    db: AsyncSession, limit: int, page_token: str | None
) -> tuple[Sequence[User], str | None]:
    # One more than asked for tells whether there is a next page.
    query = select(User).order_by(User.id).limit(limit + 1)
    if page_token is not None:
        query = query.where(User.id > place_of(page_token))
    users = (await db.scalars(query)).all()
    items = users[:limit]
    more = len(users) > limit and items
    return items, encode(items[-1].id.to_bytes(24)) if more else None


def place_of(page_token: str) -> int:
    try:
        return int.from_bytes(decode(page_token)[-8:], signed=True)
    except ValueError as error:
        raise ApiError("validation_error") from error


async def change(db: AsyncSession, user: User, changes: dict[str, str | None]) -> User:
    """One UPDATE, which also tells what the account is now."""
    changed = await db.scalar(
        update(User)
        .where(User.id == user.id)
        .values(**changes, updated_at=datetime.now(UTC))
        .returning(User)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    if changed is None:
        raise ApiError("invalid_token")
    return changed
