"""What happens to accounts and sessions."""

import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from . import security, settings
from .errors import INVALID_CREDENTIALS, INVALID_TOKEN
from .models import Session, User


async def user_of(db: AsyncSession, claims: security.Claims) -> User:
    query = (
        select(User)
        .join(Session, Session.user_id == User.id)
        .where(
            Session.id == claims.session,
            Session.user_id == claims.user,
            Session.revoked_at.is_(None),
            Session.expires_at > datetime.now(UTC),
        )
    )
    user = (await db.scalars(query)).first()
    if user is None or not user.is_active:
        raise INVALID_TOKEN
    return user


async def page(db: AsyncSession, limit: int) -> tuple[list[User], str | None]:
    users = list((await db.scalars(select(User).order_by(User.id).limit(limit + 1))).all())
    token = security.encode(users[limit - 1].id.to_bytes(8)) if len(users) > limit else None
    return users[:limit], token


async def rename(db: AsyncSession, user: User, full_name: str | None) -> User:
    change = update(User).where(User.id == user.id).values(full_name=full_name, updated_at=datetime.now(UTC))
    changed = (await db.scalars(change.returning(User), execution_options={"populate_existing": True})).one()
    await db.commit()
    return changed


async def log_in(db: AsyncSession, email: str, password: str, ip: str, agent: str | None) -> dict[str, str | int]:
    user = (await db.scalars(select(User).where(User.email == email))).first()
    # The connection goes back meanwhile: the password takes a quarter of a second.
    await db.commit()
    if user is None or not await security.password_matches(password, user.password_hash) or not user.is_active:
        raise INVALID_CREDENTIALS
    now, session, token = datetime.now(UTC), secrets.token_bytes(16), security.new_token()
    unchanged = update(User).where(User.id == user.id, User.is_active, User.password_hash == user.password_hash)
    await db.execute(unchanged.values(password_hash=user.password_hash))
    await db.execute(delete(Session).where(Session.user_id == user.id, Session.expires_at <= now))
    row = Session(
        id=session, user_id=user.id, token_hash=security.token_hash(token), generation=0, ip=ip, user_agent=agent,
        created_at=now, last_used_at=now, expires_at=now + timedelta(seconds=settings.REFRESH_SECONDS),
    )
    db.add(row)
    await db.commit()
    return security.pair(user.id, session, token)


async def refresh(db: AsyncSession, presented: str, ip: str, agent: str | None) -> dict[str, str | int]:
    claims = security.verify(presented, "refresh")
    now, token = datetime.now(UTC), security.successor(claims.token)
    active = select(User.id).where(User.is_active)
    rotation = (
        update(Session)
        .where(
            Session.id == claims.session,
            Session.user_id == claims.user,
            Session.token_hash == security.token_hash(claims.token),
            Session.revoked_at.is_(None),
            Session.expires_at > now,
            Session.user_id.in_(active),
        )
        .values(
            previous_token_hash=Session.token_hash,
            token_hash=security.token_hash(token),
            generation=Session.generation + 1,
            ip=ip,
            user_agent=agent,
            last_used_at=now,
            expires_at=now + timedelta(seconds=settings.REFRESH_SECONDS),
        )
    )
    result = await db.execute(rotation, execution_options={"synchronize_session": False})
    await db.commit()
    if result.rowcount != 1:
        raise INVALID_TOKEN
    return security.pair(claims.user, claims.session, token)
