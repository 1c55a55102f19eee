from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from app import errors, rate_limit
from app.database import engine
from app.routers import auth, health, users


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()
    if rate_limit.redis is not None:
        await rate_limit.redis.aclose()


app = FastAPI(title="Groundwork's peer", lifespan=lifespan, openapi_url=None, redirect_slashes=False)
errors.install(app)

api = APIRouter(prefix="/api/v1")
for module in (health, auth, users):
    api.include_router(module.router)
app.include_router(api)
