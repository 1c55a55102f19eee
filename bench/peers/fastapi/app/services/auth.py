"""Log-in, sessions and their tokens."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import passwords, tokens
from app.database import statements, transactions
from app.errors import ApiError
from app.models import Session, User
from app.schemas import TokenPair
from app.settings import settings


@dataclass(frozen=True)
class Client:
    ip: str
    user_agent: str | None


async def authenticate(db: AsyncSession, verified: tokens.Verified) -> User:
    """The user behind a session that goes on, in one query."""
    query = (
        select(User, Session.wrote_at)
        .join(Session, Session.user_id == User.id)
        .where(
            Session.id == verified.session,
            Session.user_id == verified.user,
            Session.revoked_at.is_(None),
            Session.expires_at > datetime.now(UTC),
        )
    )
    row = (await db.execute(query)).one_or_none()
    if row is None:
        raise ApiError("invalid_token")
    user, _ = row
    if not user.is_active:
        raise ApiError("invalid_token")
    return user


async def login(email: str, password: str, client: Client) -> TokenPair:
    async with statements() as db:
        user = await db.scalar(select(User).where(User.email == email))
    # No connection is held while bcrypt works.
    if not await passwords.matches(password, user.password_hash if user else None):
        raise ApiError("invalid_credentials")
    if user is None or not user.is_active:
        raise ApiError("invalid_credentials")
    replacement = user.password_hash
    if passwords.is_outdated(replacement):
        replacement = await passwords.hash_anew(password)

    session, jti, now = secrets.token_bytes(16), tokens.new_id(), datetime.now(UTC)
    async with transactions.begin() as db:
        # The password may have changed, or the account been closed, while the hash was computed.
        confirmed = await db.execute(
            update(User)
            .where(User.id == user.id, User.is_active, User.password_hash == user.password_hash)
            .values(password_hash=replacement)
            .execution_options(synchronize_session=False)
        )
        if confirmed.rowcount != 1:
            raise ApiError("invalid_credentials")
        await db.execute(
            delete(Session)
            .where(Session.user_id == user.id, Session.expires_at <= now)
            .execution_options(synchronize_session=False)
        )
        db.add(
            Session(
                id=session,
                user_id=user.id,
                token_hash=tokens.hash_of(jti),
                generation=0,
                ip=client.ip,
                user_agent=client.user_agent,
                created_at=now,
                last_used_at=now,
                expires_at=now + settings.refresh_lifetime,
            )
        )
    return pair(user.id, session, jti, now)


async def refresh(db: AsyncSession, token: str, client: Client) -> TokenPair:
    """One statement decides: of any number of racers one succeeds."""
    verified = tokens.verify(token, "refresh")
    presented, successor = tokens.hash_of(verified.jti), tokens.successor(verified.jti)
    now = datetime.now(UTC)
    rotated = await db.execute(
        update(Session)
        .where(
            Session.id == verified.session,
            Session.user_id == verified.user,
            Session.token_hash == presented,
            Session.revoked_at.is_(None),
            Session.expires_at > now,
            Session.user_id.in_(select(User.id).where(User.is_active)),
        )
        .values(
            previous_token_hash=presented,
            token_hash=tokens.hash_of(successor),
            generation=Session.generation + 1,
            ip=client.ip,
            user_agent=client.user_agent,
            last_used_at=now,
            expires_at=now + settings.refresh_lifetime,
        )
        .execution_options(synchronize_session=False)
    )
    if rotated.rowcount != 1:
        raise ApiError("invalid_token")
    return pair(verified.user, verified.session, successor, now)


def pair(user: int, session: bytes, jti: str, issued: datetime) -> TokenPair:
    access = tokens.access_id(jti)
    return TokenPair(
        access_token=tokens.sign("access", user, session, access, issued, settings.access_lifetime),
        refresh_token=tokens.sign("refresh", user, session, jti, issued, settings.refresh_lifetime),
        expires_in=int(settings.access_lifetime.total_seconds()),
    )
