"""The pool, and the two ways of using it."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from app.settings import settings

engine = create_async_engine(
    make_url(settings.database_url).set(drivername="postgresql+asyncpg"),
    pool_size=settings.db_pool_size,
    max_overflow=0,
)

# Several statements that hold together or not at all.
transactions = async_sessionmaker(engine, expire_on_commit=False)

# Single statements. BEGIN and ROLLBACK around each would be two more round trips that protect nothing.
statements = async_sessionmaker(
    engine.execution_options(isolation_level="AUTOCOMMIT"), expire_on_commit=False
)


async def get_session() -> AsyncIterator[AsyncSession]:
    async with statements() as session:
        yield session


# Closed when the handler has returned, not when the client has read the answer: the pool is small.
Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
