"""bcrypt, off the event loop and never more at once than there are cores."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import bcrypt

from app.settings import settings

# bcrypt reads no further.
MAX_BYTES = 72

# A well-formed hash that nobody knows a password for: an unknown address takes the same time.
NOBODYS_HASH = f"$2b${settings.bcrypt_rounds:02}$abcdefghijklmnopqrstuu0123456789ABCDEFGHIJKLMNOPQRSTO"

threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="bcrypt")


async def matches(password: str, stored: str | None) -> bool:
    raw = password.encode()
    possible = stored is not None and len(raw) <= MAX_BYTES and b"\0" not in raw
    hashed = (stored or NOBODYS_HASH).encode()
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(threads, bcrypt.checkpw, raw[:MAX_BYTES], hashed)
    return found and possible


async def hash_anew(password: str) -> str:
    salt = bcrypt.gensalt(settings.bcrypt_rounds)
    loop = asyncio.get_running_loop()
    return (await loop.run_in_executor(threads, bcrypt.hashpw, password.encode(), salt)).decode()


def is_outdated(stored: str) -> bool:
    return stored[4:6] != f"{settings.bcrypt_rounds:02}"
