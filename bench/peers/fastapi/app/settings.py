"""What the environment says."""

import os
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Settings:
    database_url: str
    jwt_secret_key: str
    redis_url: str | None
    rate_limit_per_minute: int | None
    bcrypt_rounds: int
    db_pool_size: int
    access_lifetime: timedelta = timedelta(minutes=30)
    refresh_lifetime: timedelta = timedelta(days=7)


def from_environment() -> Settings:
    limit = os.environ.get("RATE_LIMIT_PER_MINUTE")
    return Settings(
        database_url=os.environ["DATABASE_URL"],
        jwt_secret_key=os.environ["JWT_SECRET_KEY"],
        redis_url=os.environ.get("REDIS_URL") or None,
        rate_limit_per_minute=int(limit) if limit else None,
        bcrypt_rounds=int(os.environ.get("BCRYPT_ROUNDS", "12")),
        db_pool_size=int(os.environ.get("DB_POOL_SIZE", "10")),
    )


settings = from_environment()
