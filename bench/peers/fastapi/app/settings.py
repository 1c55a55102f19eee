"""The settings, from the environment."""

import os

DATABASE_URL = os.environ["DATABASE_URL"].replace("postgres://", "postgresql+asyncpg://", 1)
POOL_SIZE = int(os.environ.get("DB_POOL_SIZE", "10"))
SECRET = os.environ["JWT_SECRET_KEY"]
REDIS_URL = os.environ.get("REDIS_URL", "")
PER_MINUTE = int(os.environ.get("RATE_LIMIT_PER_MINUTE", "0"))
ACCESS_SECONDS = 30 * 60
REFRESH_SECONDS = 7 * 24 * 60 * 60
