"""A sliding window in Redis."""

import secrets
import time

from fastapi import Request
from redis.asyncio import Redis

from . import settings
from .errors import RATE_LIMITED

redis = Redis.from_url(settings.REDIS_URL) if settings.REDIS_URL and settings.PER_MINUTE else None


async def limited(request: Request) -> None:
    if redis is None:
        return
    now = time.time()
    key = f"rate:{request.client.host if request.client else ''}:{request.url.path}"
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.zremrangebyscore(key, 0, now - 60)
        pipeline.zcard(key)
        pipeline.zadd(key, {f"{now}:{secrets.token_hex(4)}": now})
        pipeline.expire(key, 60)
        _, count, _, _ = await pipeline.execute()
    if count >= settings.PER_MINUTE:
        raise RATE_LIMITED
